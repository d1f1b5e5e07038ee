import { RequestV1, RequestV2 } from './remote-write-schema.js'

/** One series of a request, by whichever protocol, in plain words. */
export interface PlainSeries {
  /** `name=value`, in the order sent. */
  readonly labels: readonly string[]
  /** Time, and value or `stale`. */
  readonly samples: readonly (readonly [number, number | 'stale'])[]
  readonly exemplars: readonly { labels: readonly string[]; value: number; time: number }[]
  /** Type, help and unit; protocol 2.0 only. */
  readonly metadata?: readonly [number, string, string]
}

const STALE = Buffer.from([2, 0, 0, 0, 0, 0, 0xf0, 0x7f])

// biome-ignore lint/suspicious/noExplicitAny: protobufjs decodes to untyped objects
type Decoded = any

/** Decodes a message by protobufjs. Stale markers are found in its bytes: doubles lose them. */
export function decodePlain(protocol: '1.0' | '2.0', message: Buffer): PlainSeries[] {
  const request: Decoded = (protocol === '2.0' ? RequestV2 : RequestV1).decode(message)
  const symbols: string[] = request.symbols
  const pairs = (one: Decoded): string[] => {
    if (protocol === '1.0') return one.labels.map(({ name, value }: Decoded) => `${name}=${value}`)
    const refs: number[] = one.labelsRefs
    return refs.flatMap((ref, i) =>
      i % 2 === 0 ? [`${symbols[ref]}=${symbols[refs[i + 1]]}`] : [],
    )
  }
  return request.timeseries.map((series: Decoded) => ({
    labels: pairs(series),
    samples: series.samples.map(({ value, timestamp }: Decoded) => {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(value)
      const isStale = Number.isNaN(value) && message.includes(STALE)
      return [Number(timestamp), isStale ? 'stale' : value]
    }),
    exemplars: series.exemplars.map((exemplar: Decoded) => ({
      labels: pairs(exemplar),
      value: exemplar.value,
      time: Number(exemplar.timestamp),
    })),
    ...(protocol === '2.0'
      ? {
          metadata: [
            series.metadata?.type ?? 0,
            symbols[series.metadata?.helpRef ?? 0],
            symbols[series.metadata?.unitRef ?? 0],
          ],
        }
      : {}),
  }))
}
