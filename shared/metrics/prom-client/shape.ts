import type { Steps } from '../../base/steps.js'
import type { MetricJson } from './metric-json.js'

const SERIES_A_STEP = 200

/**
 * What a layout is made of, as one flat list: a null before each series, a name before each value. Two lists are equal only if
 * they say the same.
 */
export function* shapeOf(metrics: readonly MetricJson[]): Steps<readonly unknown[]> {
  const shape: unknown[] = []
  let at = 0
  for (const metric of metrics) {
    shape.push(metric.name, metric.type, metric.help)
    for (const { metricName, labels } of metric.values ?? []) {
      shape.push(null, metricName)
      for (const name in labels) shape.push(name, labels[name])
      if (++at % SERIES_A_STEP === 0) yield
    }
  }
  return shape
}

/** Done for every snapshot: walks along the list and makes nothing. */
export function* sameShape(shape: readonly unknown[], metrics: readonly MetricJson[]): Steps<boolean> {
  let i = 0
  let at = 0
  for (const metric of metrics) {
    if (shape[i] !== metric.name || shape[i + 1] !== metric.type || shape[i + 2] !== metric.help) return false
    i += 3
    for (const { metricName, labels } of metric.values ?? []) {
      if (shape[i] !== null || shape[i + 1] !== metricName) return false
      i += 2
      for (const name in labels) {
        if (shape[i] !== name || !Object.is(shape[i + 1], labels[name])) return false
        i += 2
      }
      if (++at % SERIES_A_STEP === 0) yield
    }
  }
  return i === shape.length
}
