import type { Layout, LayoutFamily, LayoutSeries } from '../../shared/metrics/layout.js'

/**
 * The metrics of a busy HTTP service: histograms by route and status, counters, gauges. They are
 * deterministic, so that all runs of a benchmark read the same bytes.
 */
export interface Workload {
  readonly layout: Layout
  readonly series: number
  /** Fills `values` with the values of a target after `round` rounds. */
  fill(values: Float64Array, target: number, round: number): void
}

/** A seeded random number generator (mulberry32). */
export function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const BUCKETS = [
  '0.005',
  '0.01',
  '0.025',
  '0.05',
  '0.1',
  '0.25',
  '0.5',
  '1',
  '2.5',
  '5',
  '10',
  '+Inf',
]
const METHODS = ['GET', 'POST', 'PUT', 'DELETE']
const STATUSES = ['200', '201', '400', '404', '500', '503']
const SERIES_OF_A_HISTOGRAM = BUCKETS.length + 2

/**
 * @param series number of series in the layout, at least 60
 * @param variant suffix of a label value, for layouts that differ as those of different app
 *   versions do
 */
export function httpService(series: number, variant = ''): Workload {
  const histograms = Math.floor((series * 0.6) / SERIES_OF_A_HISTOGRAM)
  const counters = Math.floor(series * 0.25)
  const gauges = series - histograms * SERIES_OF_A_HISTOGRAM - counters
  const families: LayoutFamily[] = [
    {
      name: 'http_server_request_duration_seconds',
      type: 'histogram',
      help: 'Duration of HTTP requests by route, method and status',
      unit: '',
      series: Array.from({ length: histograms }, (_, i) => histogramOf(i, variant)).flat(),
    },
    ...familiesOf('counter', counters, variant),
    ...familiesOf('gauge', gauges, variant),
  ]
  families.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { layout: { families }, series, fill: filler(families) }
}

function histogramOf(i: number, variant: string): LayoutSeries[] {
  const route = { name: 'route', value: `/api/v1/resource/${i % 17}${variant}` }
  const method = { name: 'method', value: METHODS[i % METHODS.length] }
  const status = { name: 'status', value: STATUSES[i % STATUSES.length] }
  const shard = { name: 'pool', value: `pool-${Math.floor(i / 17)}` }
  const buckets = BUCKETS.map(
    (le): LayoutSeries => ({
      suffix: '_bucket',
      labels: [{ name: 'le', value: le }, method, shard, route, status],
    }),
  )
  const labels = [method, shard, route, status]
  return [...buckets, { suffix: '_sum', labels }, { suffix: '_count', labels }]
}

function familiesOf(type: 'counter' | 'gauge', count: number, variant: string): LayoutFamily[] {
  const perFamily = 10
  const families: LayoutFamily[] = []
  for (let first = 0; first < count; first += perFamily) {
    const n = Math.min(perFamily, count - first)
    const index = String(first / perFamily).padStart(4, '0')
    families.push({
      name: `service_${type === 'counter' ? 'operations' : 'queue_depth'}_${index}`,
      type,
      help: `What the service does, part ${index}`,
      unit: '',
      series: Array.from({ length: n }, (_, i) => ({
        suffix: type === 'counter' ? ('_total' as const) : ('' as const),
        labels: [
          { name: 'operation', value: `operation-${i}${variant}` },
          { name: 'zone', value: `eu-central-1${'abc'[i % 3]}` },
        ],
      })),
    })
  }
  return families
}

function filler(families: readonly LayoutFamily[]) {
  return (values: Float64Array, target: number, round: number): void => {
    const next = random(target * 7919 + 17)
    let i = 0
    for (const family of families) {
      for (const series of family.series) values[i++] = valueAt(family, series, next(), round)
    }
    makeBucketsCumulative(families, values)
  }
}

/**
 * A third of the counters are 0, sums and some gauges are floats, all others are integers of up to
 * 8 digits.
 */
function valueAt(family: LayoutFamily, series: LayoutSeries, r: number, round: number): number {
  if (series.suffix === '_sum') return Math.round((r * 1e4 + round * r * 40) * 1e6) / 1e6 + 1e-7
  if (family.type === 'gauge')
    return r < 0.25 ? r * 100 * (1 + round / 100) : Math.floor(r * 1000) + (round % 7)
  if (r < 0.35) return 0
  return Math.floor(10 ** (r * 6)) + Math.floor(r * 50) * round
}

function makeBucketsCumulative(families: readonly LayoutFamily[], values: Float64Array): void {
  let i = 0
  for (const family of families) {
    if (family.type !== 'histogram') {
      i += family.series.length
      continue
    }
    for (
      let s = 0;
      s < family.series.length;
      s += SERIES_OF_A_HISTOGRAM, i += SERIES_OF_A_HISTOGRAM
    ) {
      const last = i + BUCKETS.length - 1
      for (let b = i + 1; b <= last; b++) values[b] += values[b - 1]
      values[last + 2] = values[last]
    }
  }
}
