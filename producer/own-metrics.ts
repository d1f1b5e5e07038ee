import type { MetricJson, ValueJson } from '../shared/metrics/prom-client/metric-json.js'
import type { MetricSource, RegistryLike } from './source.js'

/** What a publisher knows of itself, in plain numbers. */
export class PublisherStats {
  snapshots = 0
  superseded = 0
  sendErrors = 0
  collectErrors = 0
  metricsDropped = 0
  /** Unix seconds, 0 before the first. */
  lastAck = 0
  bufferedBytes = 0
  readonly sendDurations = new DurationHistogram()
}

const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

class DurationHistogram {
  readonly #counts = new Array<number>(BOUNDS.length).fill(0)
  #sum = 0
  #count = 0

  observe(seconds: number): void {
    const bucket = BOUNDS.findIndex(bound => seconds <= bound)
    if (bucket >= 0) this.#counts[bucket]++
    this.#sum += seconds
    this.#count++
  }

  values(name: string, labels: Record<string, string>): ValueJson[] {
    let cumulative = 0
    const buckets = BOUNDS.map((le, i) => {
      cumulative += this.#counts[i]
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: cumulative }
    })
    return [
      ...buckets,
      { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: this.#count },
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: this.#count },
    ]
  }
}

interface Definition {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** What prom-client makes of the values of several workers. */
  readonly aggregator?: 'max'
  values(stats: PublisherStats, labels: Record<string, string>): readonly ValueJson[]
}

const number =
  (read: (stats: PublisherStats) => number): Definition['values'] =>
  (stats, labels) => [{ labels, value: read(stats) }]

export const DEFINITIONS: readonly Definition[] = [
  {
    name: 'publisher_snapshots_total',
    type: 'counter',
    help: 'Collections of all series, failed ones included.',
    values: number(s => s.snapshots),
  },
  {
    name: 'publisher_snapshots_superseded_total',
    type: 'counter',
    help: 'Collections replaced by a newer one before they could be sent.',
    values: number(s => s.superseded),
  },
  {
    name: 'publisher_send_errors_total',
    type: 'counter',
    help: 'Attempts to send that failed.',
    values: number(s => s.sendErrors),
  },
  {
    name: 'publisher_collect_errors_total',
    type: 'counter',
    help: 'Collections in which a metric or a source failed or did not answer in time.',
    values: number(s => s.collectErrors),
  },
  {
    name: 'publisher_metrics_dropped',
    type: 'gauge',
    help: 'Metrics of which something cannot be published; the log has their names.',
    values: number(s => s.metricsDropped),
  },
  {
    name: 'publisher_send_duration_seconds',
    type: 'histogram',
    help: 'Time until the brokers had a snapshot.',
    values: (stats, labels) => stats.sendDurations.values('publisher_send_duration_seconds', labels),
  },
  {
    name: 'publisher_last_ack_timestamp_seconds',
    type: 'gauge',
    help: 'When the brokers last had a snapshot, Unix time; 0 before the first.',
    aggregator: 'max',
    values: number(s => s.lastAck),
  },
  {
    name: 'publisher_buffered_bytes',
    type: 'gauge',
    help: 'Bytes of the snapshots in flight and waiting: two at most.',
    values: number(s => s.bufferedBytes),
  },
]

const NAMES: ReadonlySet<string> = new Set(DEFINITIONS.map(({ name }) => name))

export const isOwnMetric = (name: string): boolean => NAMES.has(name)

/**
 * A metric in an app's registry, made without the app's copy of prom-client: what a registry asks of a metric is little. So a
 * direct scrape of the app shows them too.
 */
class OwnMetric {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly aggregator: string
  readonly labelNames: string[] = []

  constructor(
    private readonly definition: Definition,
    private readonly publishers: Map<string, PublisherStats>,
  ) {
    this.name = definition.name
    this.help = definition.help
    this.type = definition.type
    this.aggregator = definition.aggregator ?? 'sum'
  }

  async get(): Promise<MetricJson> {
    const { name, help, type } = this
    const values: ValueJson[] = []
    const several = this.publishers.size > 1
    for (const [publisher, stats] of this.publishers) {
      values.push(...this.definition.values(stats, several ? { publisher } : {}))
    }
    return { name, help, type, values, aggregator: this.aggregator } as MetricJson
  }

  /** Counters of what happened cannot be taken back by resetMetrics. */
  reset(): void {}
}

/** The publishers of each registry: several share its metrics and are told apart by a label. */
const registered = new WeakMap<object, Map<string, PublisherStats>>()

interface Registration {
  /** Takes the publisher's series out again. */
  leave(): void
  /** Metrics to publish beside the source's, when there is no registry to put them in. */
  loose(): Promise<readonly MetricJson[]>
}

/**
 * Puts a publisher's metrics into the first registry of its source.
 *
 * @param publisher what tells it from others with the same registry; numbered when it does not
 */
export function registerStats(source: MetricSource, publisher: string, stats: PublisherStats): Registration {
  const sources = (Array.isArray(source) ? source : [source]) as (RegistryLike | (() => unknown))[]
  for (const one of sources) {
    if (typeof one === 'function' || typeof one.registerMetric !== 'function') continue
    const publishers = publishersOf(one)
    if (!publishers) break
    const name = unused(publisher, publishers)
    publishers.set(name, stats)
    return { leave: () => void publishers.delete(name), loose: async () => [] }
  }
  const own = new Map([[publisher, stats]])
  const metrics = DEFINITIONS.map(definition => new OwnMetric(definition, own))
  return { leave() {}, loose: () => Promise.all(metrics.map(metric => metric.get())) }
}

/** Undefined when the app has metrics of these names itself, which are its own to define, or the registry takes none. */
function publishersOf(registry: RegistryLike): Map<string, PublisherStats> | undefined {
  const known = registered.get(registry)
  // A registry that was cleared has lost them.
  if (known && registry.getSingleMetric?.(DEFINITIONS[0].name) instanceof OwnMetric) return known
  if (DEFINITIONS.some(({ name }) => registry.getSingleMetric?.(name))) return undefined
  const publishers = new Map<string, PublisherStats>()
  try {
    for (const definition of DEFINITIONS)
      registry.registerMetric?.(new OwnMetric(definition, publishers) as never)
  } catch {
    return undefined
  }
  registered.set(registry, publishers)
  return publishers
}

/** Two publishers of one target are rare, to two clusters for example, and are two all the same. */
function unused(publisher: string, publishers: ReadonlyMap<string, unknown>): string {
  let name = publisher
  for (let i = 2; publishers.has(name); i++) name = `${publisher} (${i})`
  return name
}
