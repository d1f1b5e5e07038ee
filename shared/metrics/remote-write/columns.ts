import type { WriteProtocol, WriteRequest, WrittenFamily } from './request.js'

/** Arrays with more items than this are not kept for the next request. */
const RETAINED_ITEMS = 64 * 1024
const INITIAL_ITEMS = 256
const EMPTY = Buffer.alloc(0)

type Columnar = Uint8Array | Uint32Array | Int32Array | Float64Array

/** Returns the array, or a larger copy if it has fewer than `items` items. */
function atLeast<T extends Columnar>(array: T, items: number): T {
  if (items <= array.length) return array
  const larger = new (array.constructor as new (length: number) => T)(
    Math.max(items, 2 * array.length),
  )
  larger.set(array)
  return larger
}

/** The arrays of a request, which grow while it is read and are used again for the next one. */
export class RequestColumns implements WriteRequest {
  protocol: WriteProtocol = '2.0'
  bytes: Buffer = EMPTY
  symbols: string[] = []
  symbolRanges = new Uint32Array(0)
  symbolStates = new Uint8Array(0)
  series = 0
  labelRefs = new Uint32Array(0)
  labelsFrom = new Uint32Array(0)
  samplesFrom = new Uint32Array(0)
  valueAt = new Int32Array(0)
  timestamps = new Float64Array(0)
  sampleRanges = new Uint32Array(0)
  histogramsFrom = new Uint32Array(0)
  histogramRanges = new Uint32Array(0)
  histogramTimes = new Float64Array(0)
  histogramStale = new Uint8Array(0)
  exemplarsFrom = new Uint32Array(0)
  exemplarRefs = new Uint32Array(0)
  exemplarRefsFrom = new Uint32Array(0)
  exemplarValueAt = new Int32Array(0)
  exemplarTimes = new Float64Array(0)
  types = new Uint8Array(0)
  helpRefs = new Uint32Array(0)
  unitRefs = new Uint32Array(0)
  createdAt = new Float64Array(0)
  newestTime = Number.NEGATIVE_INFINITY
  families: WrittenFamily[] = []

  labelRefCount = 0
  samples = 0
  histograms = 0
  exemplars = 0
  exemplarRefCount = 0

  /** Empties the columns. */
  reset(protocol: WriteProtocol, bytes: Buffer): void {
    this.protocol = protocol
    this.bytes = bytes
    this.symbols = []
    this.families = []
    this.newestTime = Number.NEGATIVE_INFINITY
    this.series = 0
    this.labelRefCount = 0
    this.samples = 0
    this.histograms = 0
    this.exemplars = 0
    this.exemplarRefCount = 0
    if (this.labelRefs.length > 16 * RETAINED_ITEMS) this.labelRefs = new Uint32Array(0)
    if (this.symbolStates.length > RETAINED_ITEMS || this.symbolStates.length === 0)
      this.#createSymbols(INITIAL_ITEMS)
    if (this.types.length > RETAINED_ITEMS || this.types.length === 0)
      this.#createSeries(INITIAL_ITEMS)
    if (this.valueAt.length > RETAINED_ITEMS || this.valueAt.length === 0)
      this.#createSamples(INITIAL_ITEMS)
    if (this.histogramTimes.length > RETAINED_ITEMS) this.#createHistograms()
    if (this.exemplarTimes.length > RETAINED_ITEMS) this.#createExemplars()
  }

  /** Forgets the message, so that it can be freed. */
  release(): void {
    this.reset('2.0', EMPTY)
  }

  /** Begins a series without anything. */
  beginSeries(): void {
    const s = this.series++
    if (s + 2 > this.types.length) this.#growSeries(s + 2)
    this.labelsFrom[s] = this.labelRefCount
    this.samplesFrom[s] = this.samples
    this.histogramsFrom[s] = this.histograms
    this.exemplarsFrom[s] = this.exemplars
    this.types[s] = 0
    this.helpRefs[s] = 0
    this.unitRefs[s] = 0
    this.createdAt[s] = 0
  }

  /** Sets the ends of the lists of the last series. */
  end(): void {
    const { series } = this
    this.labelsFrom[series] = this.labelRefCount
    this.samplesFrom[series] = this.samples
    this.histogramsFrom[series] = this.histograms
    this.exemplarsFrom[series] = this.exemplars
    this.exemplarRefsFrom = atLeast(this.exemplarRefsFrom, this.exemplars + 1)
    this.exemplarRefsFrom[this.exemplars] = this.exemplarRefCount
  }

  /** @returns its index */
  addSymbol(text: string, from: number, to: number, state: number): number {
    const { symbols } = this
    const index = symbols.length
    if (index === this.symbolStates.length) {
      this.symbolStates = atLeast(this.symbolStates, index + 1)
      this.symbolRanges = atLeast(this.symbolRanges, 2 * this.symbolStates.length)
    }
    symbols.push(text)
    this.symbolRanges[2 * index] = from
    this.symbolRanges[2 * index + 1] = to
    this.symbolStates[index] = state
    return index
  }

  /** Makes room for label references. */
  reserveLabelRefs(count: number): void {
    const needed = this.labelRefCount + count
    if (needed > this.labelRefs.length) this.labelRefs = atLeast(this.labelRefs, needed)
  }

  addSample(valueAt: number, time: number, from: number, to: number): void {
    const i = this.samples++
    if (i === this.valueAt.length) this.#growSamples(i + 1)
    this.valueAt[i] = valueAt
    this.timestamps[i] = time
    this.sampleRanges[2 * i] = from
    this.sampleRanges[2 * i + 1] = to
    if (time > this.newestTime) this.newestTime = time
  }

  addHistogram(time: number, isStale: boolean, from: number, to: number): void {
    const i = this.histograms++
    if (i === this.histogramTimes.length) {
      this.histogramTimes = atLeast(this.histogramTimes, i + 1)
      this.histogramStale = atLeast(this.histogramStale, this.histogramTimes.length)
      this.histogramRanges = atLeast(this.histogramRanges, 2 * this.histogramTimes.length)
    }
    this.histogramTimes[i] = time
    this.histogramStale[i] = isStale ? 1 : 0
    this.histogramRanges[2 * i] = from
    this.histogramRanges[2 * i + 1] = to
    if (time > this.newestTime) this.newestTime = time
  }

  /** Begins an exemplar without labels, value and time. */
  beginExemplar(): void {
    const i = this.exemplars++
    if (i + 2 > this.exemplarTimes.length) {
      this.exemplarTimes = atLeast(this.exemplarTimes, i + 2)
      this.exemplarValueAt = atLeast(this.exemplarValueAt, this.exemplarTimes.length)
      this.exemplarRefsFrom = atLeast(this.exemplarRefsFrom, this.exemplarTimes.length)
    }
    this.exemplarRefsFrom[i] = this.exemplarRefCount
    this.exemplarValueAt[i] = -1
    this.exemplarTimes[i] = 0
  }

  addExemplarRef(ref: number): void {
    const i = this.exemplarRefCount++
    if (i === this.exemplarRefs.length) this.exemplarRefs = atLeast(this.exemplarRefs, i + 1)
    this.exemplarRefs[i] = ref
  }

  endExemplar(): void {
    const time = this.exemplarTimes[this.exemplars - 1]
    if (time > this.newestTime) this.newestTime = time
  }

  #createSymbols(items: number): void {
    this.symbolStates = new Uint8Array(items)
    this.symbolRanges = new Uint32Array(2 * items)
  }

  #createSeries(items: number): void {
    this.labelsFrom = new Uint32Array(items)
    this.samplesFrom = new Uint32Array(items)
    this.histogramsFrom = new Uint32Array(items)
    this.exemplarsFrom = new Uint32Array(items)
    this.types = new Uint8Array(items)
    this.helpRefs = new Uint32Array(items)
    this.unitRefs = new Uint32Array(items)
    this.createdAt = new Float64Array(items)
  }

  #growSeries(items: number): void {
    this.types = atLeast(this.types, items)
    const { length } = this.types
    this.labelsFrom = atLeast(this.labelsFrom, length)
    this.samplesFrom = atLeast(this.samplesFrom, length)
    this.histogramsFrom = atLeast(this.histogramsFrom, length)
    this.exemplarsFrom = atLeast(this.exemplarsFrom, length)
    this.helpRefs = atLeast(this.helpRefs, length)
    this.unitRefs = atLeast(this.unitRefs, length)
    this.createdAt = atLeast(this.createdAt, length)
  }

  #createSamples(items: number): void {
    this.valueAt = new Int32Array(items)
    this.timestamps = new Float64Array(items)
    this.sampleRanges = new Uint32Array(2 * items)
  }

  #growSamples(items: number): void {
    this.valueAt = atLeast(this.valueAt, items)
    const { length } = this.valueAt
    this.timestamps = atLeast(this.timestamps, length)
    this.sampleRanges = atLeast(this.sampleRanges, 2 * length)
  }

  #createHistograms(): void {
    this.histogramTimes = new Float64Array(0)
    this.histogramStale = new Uint8Array(0)
    this.histogramRanges = new Uint32Array(0)
  }

  #createExemplars(): void {
    this.exemplarTimes = new Float64Array(0)
    this.exemplarValueAt = new Int32Array(0)
    this.exemplarRefsFrom = new Uint32Array(0)
    this.exemplarRefs = new Uint32Array(0)
  }
}
