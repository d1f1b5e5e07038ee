import { WRITE_TYPES, type WriteRequest } from '../../shared/metrics/remote-write/request.js'
import { decodeV1, decodeV2 } from './remote-write-schema.js'

/** A series as plain data, for comparison. Values are the hex digits of their eight bytes. */
export interface DescribedSeries {
  readonly labels: readonly string[]
  readonly samples: readonly (readonly [value: string, time: number])[]
  readonly histograms: readonly (readonly [bytes: string, time: number])[]
  readonly exemplars: readonly {
    readonly labels: readonly string[]
    readonly value: string
    readonly time: number
  }[]
  readonly metadata: readonly [type: string, help: string, unit: string]
  readonly createdAt: number
}

const ZERO = '0000000000000000'

/** What a reader has read. */
export function described(request: WriteRequest): DescribedSeries[] {
  const { bytes, symbols } = request
  const bits = (at: number) => (at < 0 ? ZERO : bytes.toString('hex', at, at + 8))
  const texts = (refs: Uint32Array, from: number, to: number) =>
    [...refs.subarray(from, to)].map(ref => symbols[ref])
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
  return range(0, request.series).map(s => ({
    labels: texts(request.labelRefs, request.labelsFrom[s], request.labelsFrom[s + 1]),
    samples: range(request.samplesFrom[s], request.samplesFrom[s + 1]).map(
      i => [bits(request.valueAt[i]), request.timestamps[i]] as const,
    ),
    histograms: range(request.histogramsFrom[s], request.histogramsFrom[s + 1]).map(
      i =>
        [
          bytes.toString('hex', request.histogramRanges[2 * i], request.histogramRanges[2 * i + 1]),
          request.histogramTimes[i],
        ] as const,
    ),
    exemplars: range(request.exemplarsFrom[s], request.exemplarsFrom[s + 1]).map(i => ({
      labels: texts(
        request.exemplarRefs,
        request.exemplarRefsFrom[i],
        request.exemplarRefsFrom[i + 1],
      ),
      value: bits(request.exemplarValueAt[i]),
      time: request.exemplarTimes[i],
    })),
    metadata: [
      WRITE_TYPES[request.types[s]],
      symbols[request.helpRefs[s]],
      symbols[request.unitRefs[s]],
    ],
    createdAt: request.createdAt[s],
  }))
}

const hex = (value = 0): string => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes.toString('hex')
}

/** What protobufjs reads, without the bytes of histograms. */
export function expectedV2(bytes: Buffer): DescribedSeries[] {
  const { symbols = [], timeseries = [] } = decodeV2(bytes)
  return timeseries.map(series => ({
    labels: (series.labelsRefs ?? []).map(ref => symbols[ref]),
    samples: (series.samples ?? []).map(({ value, timestamp = 0 }) => [hex(value), timestamp]),
    histograms: (series.histograms ?? []).map(({ timestamp = 0 }) => ['', timestamp]),
    exemplars: (series.exemplars ?? []).map(({ labelsRefs = [], value, timestamp = 0 }) => ({
      labels: labelsRefs.map(ref => symbols[ref]),
      value: hex(value),
      time: timestamp,
    })),
    metadata: [
      WRITE_TYPES[series.metadata?.type ?? 0] ?? 'unknown',
      symbols[series.metadata?.helpRef ?? 0] ?? '',
      symbols[series.metadata?.unitRef ?? 0] ?? '',
    ],
    createdAt: series.createdTimestamp ?? 0,
  }))
}

export function expectedV1(bytes: Buffer): DescribedSeries[] {
  const pairs = (labels: readonly { readonly name?: string; readonly value?: string }[] = []) =>
    labels.flatMap(({ name = '', value = '' }) => [name, value])
  return (decodeV1(bytes).timeseries ?? []).map(series => ({
    labels: pairs(series.labels),
    samples: (series.samples ?? []).map(({ value, timestamp = 0 }) => [hex(value), timestamp]),
    histograms: (series.histograms ?? []).map(({ timestamp = 0 }) => ['', timestamp]),
    exemplars: (series.exemplars ?? []).map(({ labels, value, timestamp = 0 }) => ({
      labels: pairs(labels),
      value: hex(value),
      time: timestamp,
    })),
    metadata: ['unknown', '', ''],
    createdAt: 0,
  }))
}

/** Leaves out the bytes of histograms, which protobufjs does not tell. */
export const withoutHistogramBytes = (series: readonly DescribedSeries[]): DescribedSeries[] =>
  series.map(one => ({ ...one, histograms: one.histograms.map(([, time]) => ['', time]) }))
