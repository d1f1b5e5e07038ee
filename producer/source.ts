import { asError } from '../shared/base/as-error.js'
import { withTimeout } from '../shared/base/deadline.js'
import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import { ExpositionSource } from './exposition-source.js'
import type { SourceReading } from './given.js'

/** The part of prom-client's Registry that is used. An app's own copy of the library brings it. */
export interface RegistryLike {
  getMetricsAsJSON(): Promise<unknown> | unknown
  getMetricsAsArray?(): unknown
  readonly contentType?: string
  getSingleMetric?(name: string): unknown
  registerMetric?(metric: never): void
}

type Metrics = readonly MetricJson[] | string

/** Gives what `getMetricsAsJSON` does; or the text of an exposition, such as prom-client's `clusterMetrics`. */
export type CollectFunction = () => Promise<Metrics> | Metrics

export type MetricSource = RegistryLike | CollectFunction | readonly (RegistryLike | CollectFunction)[]

export interface Collected {
  /** Of each source that gave something, in their order. */
  readonly readings: readonly SourceReading[]
  /** Of sources that failed, and of those of which a metric did. */
  readonly errors: readonly Error[]
  /** Series of expositions that are left out, by reason. */
  readonly omitted: ReadonlyMap<string, number>
}

const NOTHING: ReadonlyMap<string, number> = new Map()

/**
 * Everything that the sources of a publisher have now. A source that fails costs itself, and a metric whose `collect` throws
 * itself, not the others: prom-client's own rendering would fail as a whole.
 */
export class Sources {
  readonly #sources: readonly Source[]

  constructor(source: MetricSource) {
    const sources = (Array.isArray(source) ? source : [source]) as readonly (RegistryLike | CollectFunction)[]
    this.#sources = sources.map(one => new Source(one))
  }

  /** They are asked at the same time, as prom-client asks its metrics. Never rejects. */
  async collect(timeoutMs: number): Promise<Collected> {
    const all = await Promise.all(this.#sources.map(source => source.collect(timeoutMs)))
    const omitted = new Map<string, number>()
    for (const one of all)
      for (const [reason, count] of one.omitted) omitted.set(reason, (omitted.get(reason) ?? 0) + count)
    return {
      readings: all.flatMap(({ readings }) => readings),
      errors: all.flatMap(({ errors }) => errors),
      omitted,
    }
  }
}

class Source {
  readonly #expositions = new ExpositionSource()
  #asking: Promise<Collected> | null = null

  constructor(private readonly source: RegistryLike | CollectFunction) {}

  /** One that hangs is waited for again, not asked again: its answers would gather for as long as it does. */
  async collect(timeoutMs: number): Promise<Collected> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null
    })
    const late = `the registry did not answer within ${timeoutMs} ms: does a metric's collect function hang?`
    try {
      return await withTimeout(this.#asking, timeoutMs, late)
    } catch (error) {
      return { readings: [], errors: [asError(error)], omitted: NOTHING }
    }
  }

  async #ask(): Promise<Collected> {
    const { source } = this
    if (typeof source === 'function') {
      const given = await source()
      if (typeof given !== 'string') return collectedOf(metricsOf(given))
      const exposition = await this.#expositions.read(given)
      return { readings: [exposition], errors: [], omitted: exposition.omitted }
    }
    try {
      const metrics = metricsOf(await source.getMetricsAsJSON())
      return collectedOf(inFullOf(source, metrics))
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

function metricsOf(given: unknown): readonly MetricJson[] {
  if (Array.isArray(given) && given.every(isMetric)) return given
  throw new Error(
    'the source gives neither a list of metrics, as getMetricsAsJSON does, nor the text of an exposition',
  )
}

const isObject = (given: unknown) => typeof given === 'object' && given !== null

function isMetric(given: unknown): boolean {
  if (!isObject(given)) return false
  const { values } = given as { values?: unknown }
  return values === undefined || values === null || (Array.isArray(values) && values.every(isObject))
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
      const [json] = metricsOf([await metric.get()])
      const values = json.values?.map(value => ({ ...value, labels: { ...defaults, ...value.labels } }))
      metrics.push({ ...json, values })
    } catch {
      // Told by the error of the registry: the first speaks for all.
    }
  }
  return inFullOf(registry, metrics)
}
