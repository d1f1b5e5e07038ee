import type { Steps } from '../../base/steps.js'
import type { MetricJson } from './metric-json.js'

/** Series between two steps. */
const SERIES_PER_STEP = 200

/**
 * Returns all of a registry that determines its layout, as a flat list: null before each series,
 * and the label name before each label value. Equal lists mean equal layouts.
 */
export function* shapeOf(metrics: readonly MetricJson[]): Steps<readonly unknown[]> {
  const shape: unknown[] = []
  let at = 0
  for (const metric of metrics) {
    shape.push(metric.name, metric.type, metric.help)
    for (const { metricName, labels } of metric.values ?? []) {
      shape.push(null, metricName)
      for (const name in labels) shape.push(name, labels[name])
      if (++at % SERIES_PER_STEP === 0) yield
    }
  }
  return shape
}

/** Compares metrics with a shape. Called for every snapshot; allocates nothing. */
export function* hasShape(
  shape: readonly unknown[],
  metrics: readonly MetricJson[],
): Steps<boolean> {
  let i = 0
  let at = 0
  for (const metric of metrics) {
    if (shape[i] !== metric.name || shape[i + 1] !== metric.type || shape[i + 2] !== metric.help)
      return false
    i += 3
    for (const { metricName, labels } of metric.values ?? []) {
      if (shape[i] !== null || shape[i + 1] !== metricName) return false
      i += 2
      for (const name in labels) {
        if (shape[i] !== name || !Object.is(shape[i + 1], labels[name])) return false
        i += 2
      }
      if (++at % SERIES_PER_STEP === 0) yield
    }
  }
  return i === shape.length
}
