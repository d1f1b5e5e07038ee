import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import { readText } from './read-text.js'

/** The part of prom-client's Registry that is used. An app's own copy of the library brings it. */
export interface RegistryLike {
  getMetricsAsJSON(): Promise<unknown> | unknown
  getMetricsAsArray?(): unknown
  readonly contentType?: string
  getSingleMetric?(name: string): unknown
  registerMetric?(metric: never): void
}

type Collection = readonly MetricJson[] | string

/** Gives what `getMetricsAsJSON` does; or the text of an exposition, such as prom-client's `clusterMetrics`. */
export type CollectFunction = () => Promise<Collection> | Collection

export type MetricSource = RegistryLike | CollectFunction | readonly (RegistryLike | CollectFunction)[]

export interface Collected {
  readonly metrics: readonly MetricJson[]
  /** Metrics that could not be collected. */
  readonly errors: readonly Error[]
}

/**
 * Everything that the sources have now. A metric whose `collect` throws costs itself, not the others: prom-client's own
 * rendering would fail as a whole. The sources are asked at the same time, as prom-client asks its metrics.
 */
export async function collect(source: MetricSource): Promise<Collected> {
  const sources = (Array.isArray(source) ? source : [source]) as readonly (RegistryLike | CollectFunction)[]
  const errors: Error[] = []
  const collections = await Promise.all(
    sources.map(async one => {
      try {
        return typeof one === 'function' ? metricsOf(await one()) : await collectRegistry(one)
      } catch (error) {
        errors.push(error instanceof Error ? error : new Error(String(error)))
        return typeof one === 'function' ? [] : collectOneByOne(one)
      }
    }),
  )
  return { metrics: collections.flat(), errors }
}

async function collectRegistry(registry: RegistryLike): Promise<readonly MetricJson[]> {
  return inFullOf(registry, metricsOf(await registry.getMetricsAsJSON()))
}

function metricsOf(given: unknown): readonly MetricJson[] {
  if (typeof given === 'string') return readText(given)
  if (Array.isArray(given) && given.every(metric => typeof metric === 'object' && metric !== null))
    return given
  throw new Error(
    'the source gives neither a list of metrics, as getMetricsAsJSON does, nor the text of an exposition',
  )
}

/** A registry for OpenMetrics takes `_total` off its counters' names when it is scraped, and prints it all the same. */
function inFullOf(registry: RegistryLike, metrics: readonly MetricJson[]): readonly MetricJson[] {
  if (!registry.contentType?.includes('openmetrics')) return metrics
  return metrics.map(metric =>
    metric.type === 'counter' && !metric.name.endsWith('_total')
      ? { ...metric, name: `${metric.name}_total` }
      : metric,
  )
}

interface MetricLike {
  get(): Promise<MetricJson> | MetricJson
}

async function collectOneByOne(registry: RegistryLike): Promise<readonly MetricJson[]> {
  const defaults = (registry as { _defaultLabels?: Record<string, unknown> })._defaultLabels ?? {}
  const metrics: MetricJson[] = []
  for (const metric of (registry.getMetricsAsArray?.() ?? []) as MetricLike[]) {
    try {
      const json = await metric.get()
      const values = json.values?.map(value => ({ ...value, labels: { ...defaults, ...value.labels } }))
      metrics.push({ ...json, values })
    } catch {
      // Counted by whoever asked: the first error speaks for all.
    }
  }
  return inFullOf(registry, metrics)
}
