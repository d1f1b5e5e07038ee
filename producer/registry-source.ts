import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import { checkedMetrics, isMetric, NOT_METRICS } from './checked-metrics.js'
import { FunctionSource } from './function-source.js'
import { type CallableMetric, type MetricAnswer, MetricCalls } from './metric-calls.js'
import type { Collected, RegistryLike, Source } from './source.js'
import type { SourceError } from './source-error.js'

/**
 * A prom-client registry. Its metrics are collected one by one, because `getMetricsAsJSON` fails as
 * a whole if one `collect` function throws, and hangs if one does.
 */
export class RegistrySource implements Source {
  readonly #calls = new MetricCalls()
  readonly #whole: FunctionSource

  constructor(
    readonly name: string,
    private readonly registry: RegistryLike,
  ) {
    this.#whole = new FunctionSource(name, async () => {
      const { metrics } = checkedMetrics(name, await registry.getMetricsAsJSON())
      return withTotalSuffix(registry, metrics)
    })
  }

  async collect(timeoutMs: number): Promise<Collected> {
    const metrics = metricsOf(this.registry)
    return metrics ? this.#collectEach(metrics, timeoutMs) : this.#whole.collect(timeoutMs)
  }

  async #collectEach(metrics: readonly CallableMetric[], timeoutMs: number): Promise<Collected> {
    const { name: source } = this
    const read: MetricJson[] = []
    const errors: SourceError[] = []
    for (const answer of await this.#calls.all(metrics, timeoutMs)) {
      const failure = failureOf(answer)
      if (failure) errors.push({ ...failure, source, metric: String(answer.metric.name) })
      else read.push((answer as { json: MetricJson }).json)
    }
    const labelled = withDefaultLabels(this.registry, read)
    return { readings: [{ metrics: withTotalSuffix(this.registry, labelled) }], errors }
  }
}

function failureOf(answer: MetricAnswer): Pick<SourceError, 'kind' | 'message'> | undefined {
  if ('kind' in answer) return { kind: answer.kind, message: answer.message }
  return isMetric(answer.json) ? undefined : { kind: 'refused', message: NOT_METRICS }
}

/**
 * The metrics of a registry whose `getMetricsAsJSON` is that of prom-client. Undefined if it is
 * another, such as one that a subclass overrides: then only that method tells what to publish.
 */
function metricsOf(registry: RegistryLike): readonly CallableMetric[] | undefined {
  if (ownerOf(registry, 'getMetricsAsJSON') !== ownerOf(registry, 'getMetricsAsArray'))
    return undefined
  const metrics = registry.getMetricsAsArray?.()
  if (!Array.isArray(metrics) || !metrics.every(metric => typeof metric?.get === 'function'))
    return undefined
  return metrics
}

/** The object in the prototype chain that has the method; null if there is none. */
function ownerOf(object: object, method: string): object | null {
  let owner: object | null = object
  while (owner && !Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner)
  return owner
}

/**
 * Adds the default labels as `getMetricsAsJSON` does, without changing the application's objects.
 */
function withDefaultLabels(
  registry: RegistryLike,
  metrics: readonly MetricJson[],
): readonly MetricJson[] {
  const { _defaultLabels: defaults } = registry as { _defaultLabels?: Record<string, unknown> }
  if (!defaults || Object.keys(defaults).length === 0) return metrics
  const labelled = (own: MetricJson['values']) =>
    own?.map(value => {
      const labels: Record<string, unknown> = { ...value.labels }
      for (const name in defaults) labels[name] ||= defaults[name]
      return { ...value, labels }
    })
  return metrics.map(metric => ({ ...metric, values: labelled(metric.values) }))
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
