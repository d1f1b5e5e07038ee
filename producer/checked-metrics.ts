import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import type { SourceError } from './source-error.js'

export const NOT_METRICS =
  'the source must return a list of metrics, as getMetricsAsJSON does, or the text of an exposition'

/**
 * The well-formed metrics of a list. The others are left out, with an error for each.
 *
 * @throws Error if it is not a list
 */
export function checkedMetrics(
  source: string,
  result: unknown,
): { readonly metrics: readonly MetricJson[]; readonly errors: readonly SourceError[] } {
  if (!Array.isArray(result)) throw new Error(NOT_METRICS)
  const metrics = result.filter(isMetric)
  if (metrics.length === result.length) return { metrics: result, errors: [] }
  const errors = result
    .filter(item => !isMetric(item))
    .map((item): SourceError => {
      const metric = isObject(item) && typeof item.name === 'string' ? item.name : undefined
      return { kind: 'refused', source, metric, message: NOT_METRICS }
    })
  return { metrics, errors }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

export function isMetric(value: unknown): value is MetricJson {
  if (!isObject(value)) return false
  const { values } = value
  return (
    values === undefined || values === null || (Array.isArray(values) && values.every(isObject))
  )
}
