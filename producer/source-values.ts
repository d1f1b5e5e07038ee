import type { Exemplar, Exposition } from '../shared/metrics/model.js'
import { exemplarOf } from '../shared/metrics/prom-client/exemplar-of.js'
import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import { seriesOf } from '../shared/snapshot/mapping/sources.js'

/** Result of reading one source: metrics as from `getMetricsAsJSON`, or an exposition. */
export type SourceReading = { readonly metrics: readonly MetricJson[] } | Exposition

/** The values of all sources at one time, in the order of the sources. */
export interface SourceValues {
  readonly values: Float64Array
  /** Unix milliseconds, or NaN for a series without a timestamp. Null if no series has one. */
  readonly timestamps: Float64Array | null
  readonly exemplars: readonly Exemplar[]
}

/** Copies the values: the objects of a registry change with the next increment. */
export function valuesOf(readings: readonly SourceReading[]): SourceValues {
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

/** @returns the index of the first value of the next source */
function copyMetrics(
  metrics: readonly MetricJson[],
  into: Float64Array,
  from: number,
  exemplars: Exemplar[],
): number {
  let at = from
  for (const metric of metrics) {
    for (const { value, exemplar } of metric.values ?? []) {
      const converted = exemplar ? exemplarOf(exemplar) : null
      if (converted) exemplars.push({ ...converted, series: at })
      into[at++] = typeof value === 'number' ? value : toNumber(value)
    }
  }
  return at
}

/** Converts numeric strings and bigints, as prom-client does when it prints them. Otherwise NaN. */
function toNumber(value: unknown): number {
  return typeof value === 'string' || typeof value === 'bigint' ? Number(value) : Number.NaN
}
