import type { Steps } from '../../shared/base/steps.js'
import type { MetricJson, ValueJson } from '../../shared/metrics/prom-client/metric-json.js'

/** As `getMetricsAsJSON` of prom-client returns it. */
export type AggregatedMetric = MetricJson & { readonly aggregator?: unknown }

/** The aggregators of prom-client, except `omit`. */
const FOLDS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum: values => values.reduce((a, b) => a + b, 0),
  first: ([first]) => first,
  min: values => Math.min(...values),
  max: values => Math.max(...values),
  average: values => values.reduce((a, b) => a + b, 0) / values.length,
}
const OMIT = 'omit'
const VALUES_PER_STEP = 200

/** Why a metric of a worker cannot be combined with others; undefined if it can. */
export function whyNotAggregated(metric: AggregatedMetric): string | undefined {
  const { name, aggregator = 'sum', values } = metric
  if (typeof name !== 'string' || name === '') return 'it has no name'
  if (aggregator !== OMIT && !Object.hasOwn(FOLDS, String(aggregator)))
    return `its aggregator ${JSON.stringify(aggregator)} is unknown`
  if ((values ?? []).some(({ value }) => !isNumber(value))) return 'a value is not a number'
  return undefined
}

/** JSON has no NaN and no infinity: they are sent as text. */
function isNumber(value: unknown): boolean {
  if (typeof value === 'number' || value === 'NaN') return true
  return typeof value === 'string' && value !== '' && !Number.isNaN(Number(value))
}

/** A series: its labels, and the values of all workers. */
interface Group {
  readonly first: ValueJson
  readonly values: number[]
}

/**
 * Combines the metrics of workers as prom-client's AggregatorRegistry does: series with equal names
 * and labels by the aggregator of the metric. Of metrics with one name and different types the
 * first is kept.
 *
 * @param workers metrics for which `whyNotAggregated` finds no reason, by worker
 */
export function* aggregate(
  workers: Iterable<Iterable<AggregatedMetric>>,
): Steps<readonly MetricJson[]> {
  const metrics = new Map<string, { first: AggregatedMetric; groups: Map<string, Group> }>()
  let step = 0
  for (const worker of workers) {
    for (const metric of worker) {
      if (metric.aggregator === OMIT) continue
      const known = metrics.get(metric.name) ?? { first: metric, groups: new Map() }
      metrics.set(metric.name, known)
      if (known.first.type !== metric.type) continue
      for (const value of metric.values ?? []) {
        const key = keyOf(value)
        const group = known.groups.get(key)
        if (group) group.values.push(Number(value.value))
        else known.groups.set(key, { first: value, values: [Number(value.value)] })
        if (++step % VALUES_PER_STEP === 0) yield
      }
    }
  }
  const combined: MetricJson[] = []
  for (const { first, groups } of metrics.values()) {
    const { name, help, type, aggregator = 'sum' } = first
    const values: ValueJson[] = []
    for (const { first: value, values: all } of groups.values()) {
      const { metricName, labels } = value
      values.push({ value: FOLDS[String(aggregator)](all), labels, metricName })
      if (++step % VALUES_PER_STEP === 0) yield
    }
    combined.push({ name, help, type, values })
  }
  return combined
}

function keyOf({ metricName = '', labels = {} }: ValueJson): string {
  const names = Object.keys(labels)
  if (names.length > 1) names.sort()
  return JSON.stringify([metricName, names.map(name => [name, labels[name]])])
}
