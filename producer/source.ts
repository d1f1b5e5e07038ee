import { asError } from '../shared/base/as-error.js'
import { withTimeout } from '../shared/base/deadline.js'
import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import { ExpositionSource } from './exposition-source.js'
import type { SourceReading } from './source-values.js'

/** The methods of prom-client's Registry that the publisher uses. */
export interface RegistryLike {
  getMetricsAsJSON(): Promise<unknown> | unknown
  getMetricsAsArray?(): unknown
  readonly contentType?: string
  getSingleMetric?(name: string): unknown
  registerMetric?(metric: never): void
}

type Metrics = readonly MetricJson[] | string

/**
 * Returns metrics as prom-client's `getMetricsAsJSON` does, or the text of an exposition, for
 * example from prom-client's `clusterMetrics`.
 */
export type CollectFunction = () => Promise<Metrics> | Metrics

export type MetricSource =
  | RegistryLike
  | CollectFunction
  | readonly (RegistryLike | CollectFunction)[]

export interface Collected {
  /** Readings of the sources that did not fail, in the order of the sources. */
  readonly readings: readonly SourceReading[]
  /** Errors of sources and of single metrics. */
  readonly errors: readonly Error[]
  /** Number of series of expositions that are left out, by reason. */
  readonly omitted: ReadonlyMap<string, number>
}

const NOTHING: ReadonlyMap<string, number> = new Map()

/**
 * The metric sources of a publisher. A source that fails is left out, and so is a metric whose
 * `collect` throws. prom-client's own rendering would fail as a whole.
 */
export class Sources {
  readonly #sources: readonly Source[]

  constructor(source: MetricSource) {
    const sources = (Array.isArray(source) ? source : [source]) as readonly (
      | RegistryLike
      | CollectFunction
    )[]
    this.#sources = sources.map(source => new Source(source))
  }

  /** Collects all sources concurrently, as prom-client does its metrics. Never rejects. */
  async collect(timeoutMs: number): Promise<Collected> {
    const all = await Promise.all(this.#sources.map(source => source.collect(timeoutMs)))
    const omitted = new Map<string, number>()
    for (const collected of all)
      for (const [reason, count] of collected.omitted)
        omitted.set(reason, (omitted.get(reason) ?? 0) + count)
    return {
      readings: all.flatMap(({ readings }) => readings),
      errors: all.flatMap(({ errors }) => errors),
      omitted,
    }
  }
}

class Source {
  readonly #expositions = new ExpositionSource()
  #collecting: Promise<Collected> | null = null

  constructor(private readonly source: RegistryLike | CollectFunction) {}

  /**
   * Awaits a collection that is still running instead of starting another: they would accumulate.
   */
  async collect(timeoutMs: number): Promise<Collected> {
    this.#collecting ??= this.#read().finally(() => {
      this.#collecting = null
    })
    const message = `the source did not answer within ${timeoutMs} ms; check whether a collect function hangs`
    try {
      return await withTimeout(this.#collecting, timeoutMs, message)
    } catch (error) {
      return { readings: [], errors: [asError(error)], omitted: NOTHING }
    }
  }

  async #read(): Promise<Collected> {
    const { source } = this
    if (typeof source === 'function') {
      const result = await source()
      if (typeof result !== 'string') return collectedOf(checkedMetrics(result))
      const exposition = await this.#expositions.read(result)
      return { readings: [exposition], errors: [], omitted: exposition.omitted }
    }
    try {
      const metrics = checkedMetrics(await source.getMetricsAsJSON())
      return collectedOf(withTotalSuffix(source, metrics))
    } catch (error) {
      return collectedOf(await collectOneByOne(source), [asError(error)])
    }
  }
}

const collectedOf = (metrics: readonly MetricJson[], errors: readonly Error[] = []): Collected => ({
  readings: [{ metrics }],
  errors,
  omitted: NOTHING,
})

function checkedMetrics(result: unknown): readonly MetricJson[] {
  if (Array.isArray(result) && result.every(isMetric)) return result
  throw new Error(
    'the source must return a list of metrics, as getMetricsAsJSON does, or the text of an exposition',
  )
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null

function isMetric(value: unknown): boolean {
  if (!isObject(value)) return false
  const { values } = value as { values?: unknown }
  return (
    values === undefined || values === null || (Array.isArray(values) && values.every(isObject))
  )
}

/**
 * Restores the suffix `_total` of counters: a scrape of an OpenMetrics registry removes it from
 * their names, and prints it nevertheless.
 */
function withTotalSuffix(
  registry: RegistryLike,
  metrics: readonly MetricJson[],
): readonly MetricJson[] {
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
      const [json] = checkedMetrics([await metric.get()])
      const values = json.values?.map(value => ({
        ...value,
        labels: { ...defaults, ...value.labels },
      }))
      metrics.push({ ...json, values })
    } catch {
      // The caller reports the error that the registry threw, which is the first of these.
    }
  }
  return withTotalSuffix(registry, metrics)
}
