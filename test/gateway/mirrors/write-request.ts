import {
  STALE_MARKER,
  WRITE_TYPES,
  type WriteRequest,
  type WriteType,
} from '../../../shared/metrics/remote-write/request.js'

/** A series of a request with its samples. */
export interface WrittenSeries {
  /** With `__name__`. */
  readonly labels: Readonly<Record<string, string>>
  readonly samples?: readonly { readonly time: number; readonly value: number | 'stale' }[]
  /** Times of native histograms. */
  readonly histograms?: readonly number[]
  readonly type?: WriteType
  readonly help?: string
  readonly unit?: string
}

/** The request that a reader would return, without encoding it. */
export function writeRequest(list: readonly WrittenSeries[]): WriteRequest {
  const symbols = ['']
  const indices = new Map([['', 0]])
  const ref = (text: string): number => {
    let index = indices.get(text)
    if (index === undefined) {
      index = symbols.push(text) - 1
      indices.set(text, index)
    }
    return index
  }
  const labelRefs: number[] = []
  const labelsFrom = [0]
  const samplesFrom = [0]
  const histogramsFrom = [0]
  const timestamps: number[] = []
  const histogramTimes: number[] = []
  const values: (number | 'stale')[] = []
  for (const { labels, samples = [], histograms = [] } of list) {
    for (const [name, value] of Object.entries(labels)) labelRefs.push(ref(name), ref(value))
    labelsFrom.push(labelRefs.length)
    for (const { time, value } of samples) {
      timestamps.push(time)
      values.push(value)
    }
    samplesFrom.push(timestamps.length)
    histogramTimes.push(...histograms)
    histogramsFrom.push(histogramTimes.length)
  }
  const types = Uint8Array.from(list, ({ type = 'unknown' }) => WRITE_TYPES.indexOf(type))
  const helpRefs = Uint32Array.from(list, ({ help = '' }) => ref(help))
  const unitRefs = Uint32Array.from(list, ({ unit = '' }) => ref(unit))
  const texts = symbols.map(symbol => Buffer.from(symbol))
  const bytes = Buffer.concat([Buffer.alloc(8 * values.length), ...texts])
  const symbolRanges: number[] = []
  let end = 8 * values.length
  for (const { length } of texts) {
    symbolRanges.push(end, end + length)
    end += length
  }
  for (const [i, value] of values.entries()) {
    if (value === 'stale') {
      bytes.writeUInt32LE(STALE_MARKER.low, 8 * i)
      bytes.writeUInt32LE(STALE_MARKER.high, 8 * i + 4)
    } else bytes.writeDoubleLE(value, 8 * i)
  }
  const none = new Uint32Array(list.length + 1)
  return {
    protocol: '2.0',
    bytes,
    symbols,
    symbolRanges: Uint32Array.from(symbolRanges),
    symbolStates: new Uint8Array(symbols.length),
    series: list.length,
    labelRefs: Uint32Array.from(labelRefs),
    labelsFrom: Uint32Array.from(labelsFrom),
    samplesFrom: Uint32Array.from(samplesFrom),
    valueAt: Int32Array.from(values, (_, i) => 8 * i),
    timestamps: Float64Array.from(timestamps),
    sampleRanges: new Uint32Array(2 * timestamps.length),
    histogramsFrom: Uint32Array.from(histogramsFrom),
    histogramRanges: new Uint32Array(2 * histogramTimes.length),
    histogramTimes: Float64Array.from(histogramTimes),
    histogramStale: new Uint8Array(histogramTimes.length),
    exemplarsFrom: none,
    exemplarRefs: new Uint32Array(),
    exemplarRefsFrom: none,
    exemplarValueAt: new Int32Array(),
    exemplarTimes: new Float64Array(),
    types,
    helpRefs,
    unitRefs,
    createdAt: new Float64Array(list.length),
    newestTime: Math.max(...timestamps, ...histogramTimes),
    families: [],
  }
}
