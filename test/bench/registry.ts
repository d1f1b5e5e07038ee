import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { random } from './workload.js'

const AREAS = [
  'http_server',
  'http_client',
  'db_pool',
  'cache',
  'jobs',
  'orders',
  'payments',
  'search',
  'mail',
]
const COUNTED = [
  'requests',
  'errors',
  'retries',
  'rows_read',
  'evictions',
  'bytes_sent',
  'timeouts',
]
const GAUGED = [
  'connections',
  'queue_depth',
  'in_flight',
  'memory_bytes',
  'utilization_ratio',
  'age_seconds',
]
const METHODS = ['GET', 'POST', 'PUT', 'DELETE']
const STATUSES = ['200', '201', '304', '400', '404', '500', '503']
const ZONES = ['eu-central-1a', 'eu-central-1b', 'eu-central-1c']

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const SERIES_OF_A_HISTOGRAM = BUCKETS.length + 3
const HISTOGRAMS_A_FAMILY = 30
const COUNTERS_A_FAMILY = 12
const GAUGES_A_FAMILY = 6

/**
 * A prom-client registry of a busy service after some hours. 60 % of its series are histograms of
 * durations by method, route and status; 25 % are counters, a third of which are 0; the rest are
 * gauges, a quarter of which are floats. It is deterministic.
 *
 * @param series number of series, at least 50
 */
export function registryOf(series: number, register = new Registry()): Registry {
  const next = random(series)
  const histograms = Math.floor((series * 0.6) / SERIES_OF_A_HISTOGRAM)
  const counters = Math.floor(series * 0.25)
  const gauges = series - histograms * SERIES_OF_A_HISTOGRAM - counters
  for (const { family, labelled } of families(histograms, HISTOGRAMS_A_FAMILY)) {
    const name = nameOf(family, ['request'], 'duration_seconds')
    const labelNames = ['method', 'route', 'status']
    const histogram = new Histogram({
      name,
      help: helpOf(name),
      labelNames,
      buckets: BUCKETS,
      registers: [register],
    })
    for (const i of labelled) {
      const child = histogram.labels(
        METHODS[i % 4],
        `/api/v1/${AREAS[i % 9]}/${Math.floor(i / 9)}`,
        STATUSES[i % 7],
      )
      const typical = 0.002 * 10 ** (next() * 2.5)
      // The sum of six uniform numbers is nearly normal, so the durations are log-normal.
      const normal = () => next() + next() + next() + next() + next() + next() - 3
      for (let n = Math.floor(10 ** (next() * 3.7)); n > 0; n--)
        child.observe(typical * Math.exp(normal()))
    }
  }
  for (const { family, labelled } of families(counters, COUNTERS_A_FAMILY)) {
    const name = nameOf(family, COUNTED, 'total')
    const counter = new Counter({
      name,
      help: helpOf(name),
      labelNames: ['operation', 'zone'],
      registers: [register],
    })
    for (const i of labelled)
      counter
        .labels(`operation-${i}`, ZONES[i % 3])
        .inc(next() < 0.35 ? 0 : Math.floor(10 ** (next() * 6)))
  }
  for (const { family, labelled } of families(gauges, GAUGES_A_FAMILY)) {
    const name = nameOf(family, GAUGED, '')
    const gauge = new Gauge({
      name,
      help: helpOf(name),
      labelNames: ['pool'],
      registers: [register],
    })
    for (const i of labelled)
      gauge.labels(`pool-${i}`).set(next() < 0.25 ? next() * 100 : Math.floor(10 ** (next() * 5)))
  }
  return register
}

/** The families, each with the indexes of its label sets. */
function families(count: number, perFamily: number): { family: number; labelled: number[] }[] {
  return Array.from({ length: Math.ceil(count / perFamily) }, (_, family) => ({
    family,
    labelled: Array.from({ length: Math.min(perFamily, count - family * perFamily) }, (_, i) => i),
  }))
}

function nameOf(family: number, whats: readonly string[], unit: string): string {
  const area = AREAS[family % AREAS.length]
  const nth = Math.floor(family / AREAS.length)
  const what = whats[nth % whats.length]
  const again = Math.floor(nth / whats.length)
  return [area, again ? `stage${again}` : '', what, unit].filter(Boolean).join('_')
}

const helpOf = (name: string) =>
  `What the service knows of ${name.replaceAll('_', ' ')}, by where it happened.`
