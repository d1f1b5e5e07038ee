import type { Exemplar, Exposition } from '../shared/metrics/model.js'
import { exemplarOf } from '../shared/metrics/prom-client/exemplar-of.js'
import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import { seriesOf } from '../shared/snapshot/mapping/sources.js'

/** What one source gives at a collection: metrics as `getMetricsAsJSON` gives them, or a page. */
export type SourceReading = { readonly metrics: readonly MetricJson[] } | Exposition

/** The numbers of all sources at one moment, in their order. */
export interface Given {
  readonly values: Float64Array
  /** Unix milliseconds, NaN for a series without one; null when no series has any. */
  readonly timestamps: Float64Array | null
  readonly exemplars: readonly Exemplar[]
}

/** Copies the numbers: a registry's values are its own objects, which count on. */
export function givenBy(readings: readonly SourceReading[]): Given {
  const values = new Float64Array(readings.reduce((sum, reading) => sum + seriesOf(reading), 0))
  const exemplars: Exemplar[] = []
  let timestamps: Float64Array | null = null
  let at = 0
  for (const reading of readings) {
    if ('metrics' in reading) {
      at = copyMetrics(reading.metrics, values, at, exemplars)
      continue
    }
    values.set(reading.values, at)
    if (reading.timestamps) {
      timestamps ??= new Float64Array(values.length).fill(Number.NaN)
      timestamps.set(reading.timestamps, at)
    }
    for (const exemplar of reading.exemplars ?? [])
      exemplars.push({ ...exemplar, series: at + exemplar.series })
    at += reading.values.length
  }
  return { values, timestamps, exemplars }
}

/** @returns where the next source's values begin */
function copyMetrics(
  metrics: readonly MetricJson[],
  into: Float64Array,
  from: number,
  exemplars: Exemplar[],
): number {
  let at = from
  for (const metric of metrics) {
    for (const { value, exemplar } of metric.values ?? []) {
      const read = exemplar ? exemplarOf(exemplar) : null
      if (read) exemplars.push({ ...read, series: at })
      into[at++] = typeof value === 'number' ? value : numberOf(value)
    }
  }
  return at
}

/** Of what JavaScript takes for a number, as prom-client prints it; NaN of anything else. */
function numberOf(value: unknown): number {
  return typeof value === 'string' || typeof value === 'bigint' ? Number(value) : Number.NaN
}
