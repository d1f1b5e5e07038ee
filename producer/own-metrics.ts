import type { MetricJson, ValueJson } from '../shared/metrics/prom-client/metric-json.js'
import type { MetricSource, RegistryLike } from './source.js'

/** Counters and gauges of one publisher. */
export class PublisherStats {
  snapshots = 0
  superseded = 0
  sendErrors = 0
  collectErrors = 0
  /** Collections in which a source failed in whole or in part, by source. */
  readonly sourceErrors = new Map<string, number>()
  metricsDropped = 0
  /** Unix seconds, or 0 before the first acknowledgement. */
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
  /** How prom-client's AggregatorRegistry combines the values of workers. Default: the sum. */
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
    help: 'Total number of snapshots collected, including failed collections.',
    values: number(s => s.snapshots),
  },
  {
    name: 'publisher_snapshots_superseded_total',
    type: 'counter',
    help: 'Total number of snapshots superseded by a newer one before they were sent, including failed collections.',
    values: number(s => s.superseded),
  },
  {
    name: 'publisher_send_errors_total',
    type: 'counter',
    help: 'Total number of failed attempts to send a snapshot.',
    values: number(s => s.sendErrors),
  },
  {
    name: 'publisher_collect_errors_total',
    type: 'counter',
    help: 'Total number of collections in which a metric or source failed or timed out.',
    values: number(s => s.collectErrors),
  },
  {
    name: 'publisher_source_errors_total',
    type: 'counter',
    help: 'Total number of collections in which a source or one of its metrics failed or timed out, by source.',
    values: (stats, labels) =>
      [...stats.sourceErrors].map(([source, value]) => ({ labels: { ...labels, source }, value })),
  },
  {
    name: 'publisher_metrics_dropped',
    type: 'gauge',
    help: 'Number of metrics that are dropped in whole or in part. Their names are logged.',
    values: number(s => s.metricsDropped),
  },
  {
    name: 'publisher_send_duration_seconds',
    type: 'histogram',
    help: 'Time from encoding a snapshot to its acknowledgement by the brokers.',
    values: (stats, labels) =>
      stats.sendDurations.values('publisher_send_duration_seconds', labels),
  },
  {
    name: 'publisher_last_ack_timestamp_seconds',
    type: 'gauge',
    help: 'Unix time of the last acknowledgement by the brokers, or 0 before the first.',
    aggregator: 'max',
    values: number(s => s.lastAck),
  },
  {
    name: 'publisher_buffered_bytes',
    type: 'gauge',
    help: 'Size of the snapshots in flight and pending, at most two.',
    values: number(s => s.bufferedBytes),
  },
]

const NAMES: ReadonlySet<string> = new Set(DEFINITIONS.map(({ name }) => name))

export const isOwnMetric = (name: string): boolean => NAMES.has(name)

/**
 * A publisher metric that can be registered in the application's registry, so that a direct scrape
 * exposes it too. It implements what a registry needs of a metric, without importing prom-client.
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
    const labelled = this.publishers.size > 1
    for (const [publisher, stats] of this.publishers) {
      values.push(...this.definition.values(stats, labelled ? { publisher } : {}))
    }
    return { name, help, type, values, aggregator: this.aggregator } as MetricJson
  }

  /** Does nothing: `resetMetrics` of the registry is meant for the application's own metrics. */
  reset(): void {}
}

/** Publishers by registry. Publishers of one registry share its metrics, with a label each. */
const registered = new WeakMap<object, Map<string, PublisherStats>>()

interface Registration {
  /** Removes the publisher's series from the registry. */
  unregister(): void
  /** Returns the publisher's metrics if they are in no registry, else none. */
  unregisteredMetrics(): Promise<readonly MetricJson[]>
}

/**
 * Registers a publisher's metrics in the first registry of its source.
 *
 * @param publisher value of the label `publisher`; a number is appended if it is in use
 */
export function registerStats(
  source: MetricSource,
  publisher: string,
  stats: PublisherStats,
): Registration {
  const sources = (Array.isArray(source) ? source : [source]) as Partial<RegistryLike>[]
  for (const registry of sources) {
    if (typeof registry === 'function' || typeof registry.registerMetric !== 'function') continue
    const publishers = publishersOf(registry as RegistryLike)
    if (!publishers) break
    const name = unusedName(publisher, publishers)
    publishers.set(name, stats)
    return {
      unregister: () => void publishers.delete(name),
      unregisteredMetrics: async () =>
        isCleared(registry as RegistryLike) ? metricsOf(publisher, stats) : [],
    }
  }
  return { unregister() {}, unregisteredMetrics: () => metricsOf(publisher, stats) }
}

/** The application has cleared the registry, and so removed the publisher's metrics. */
const isCleared = (registry: RegistryLike) =>
  registry.getSingleMetric !== undefined &&
  !(registry.getSingleMetric(DEFINITIONS[0].name) instanceof OwnMetric)

function metricsOf(publisher: string, stats: PublisherStats): Promise<readonly MetricJson[]> {
  const own = new Map([[publisher, stats]])
  return Promise.all(DEFINITIONS.map(definition => new OwnMetric(definition, own).get()))
}

/**
 * @returns undefined if the registry refuses the metrics, or the application has metrics with one
 *   of their names
 */
function publishersOf(registry: RegistryLike): Map<string, PublisherStats> | undefined {
  const known = registered.get(registry)
  // The application may have cleared the registry.
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

/** An application may have two publishers of one target, for example to two Kafka clusters. */
function unusedName(publisher: string, publishers: ReadonlyMap<string, unknown>): string {
  let name = publisher
  for (let i = 2; publishers.has(name); i++) name = `${publisher} (${i})`
  return name
}
