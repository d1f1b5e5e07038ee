import { encodeV1, encodeV2 } from '../../support/remote-write-schema.js'

/** Targets with the same series, as applications with one registry have them. */
export interface WriteFleet {
  readonly targets: number
  /** Series of each target, two of the scraper included; each has one sample in a request. */
  readonly series: number
  /** Number of the first target. Default: 0. */
  readonly first?: number
}

/** Milliseconds that may be patched: six bytes as a varint. */
export const FIRST_TIME = 1_767_225_600_000

interface Labelled {
  readonly labels: readonly (readonly [name: string, value: string])[]
  readonly help: string
  readonly value: number
}

const SAMPLES = 'scrape_samples_post_metric_relabeling'

const instanceOf = (target: number) => `10.0.${target >> 8}.${target & 255}:8080`

const report = (target: number, name: string, value: number): Labelled => ({
  labels: [
    ['__name__', name],
    ['instance', instanceOf(target)],
    ['job', 'shop'],
  ],
  help: '',
  value,
})

const METHODS = ['GET', 'POST', 'PUT', 'DELETE']

function seriesOf({ targets, series, first = 0 }: WriteFleet): Labelled[] {
  return Array.from({ length: targets * series }, (_, i) => {
    const target = first + Math.floor(i / series)
    const n = i % series
    if (n === series - 1) return report(target, 'up', 1)
    if (n === series - 2) return report(target, SAMPLES, series - 2)
    return {
      labels: [
        ['__name__', `http_requests_${n % 25}_total`],
        ['code', String(200 + (n % 7))],
        ['instance', instanceOf(target)],
        ['job', 'shop'],
        ['method', METHODS[n % 4]],
        ['path', `/api/v1/resource/${n % 11}`],
      ],
      help: `Requests served by part ${n % 25}.`,
      value: n * 1000 + target + 0.5,
    }
  })
}

/** A request of protocol 2.0 with a sample of each series. */
export function requestV2(fleet: WriteFleet, timestamp = FIRST_TIME): Buffer {
  const symbols = new Map([['', 0]])
  const ref = (text: string) => {
    const found = symbols.get(text)
    if (found !== undefined) return found
    symbols.set(text, symbols.size)
    return symbols.size - 1
  }
  const timeseries = seriesOf(fleet).map(({ labels, help, value }) => ({
    labelsRefs: labels.flatMap(([name, text]) => [ref(name), ref(text)]),
    samples: [{ value, timestamp }],
    metadata: { type: 1, helpRef: ref(help) },
  }))
  return encodeV2({ symbols: [...symbols.keys()], timeseries })
}

/** The same request of protocol 1.0, which has no metadata. */
export function requestV1(fleet: WriteFleet, timestamp = FIRST_TIME): Buffer {
  return encodeV1({
    timeseries: seriesOf(fleet).map(({ labels, value }) => ({
      labels: labels.map(([name, text]) => ({ name, value: text })),
      samples: [{ value, timestamp }],
    })),
  })
}
