import type { PrometheusApi } from '../../dev/local/prometheus/api.js'

export interface StoredSeries {
  readonly instance: string
  /** Unix ms and value, as they are stored. */
  readonly values: readonly (readonly [number, string])[]
}

/** The stored samples of the last ten minutes, between two times in Unix ms. */
export async function samplesOf(
  prometheus: PrometheusApi,
  selector: string,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): Promise<StoredSeries[]> {
  const found = await prometheus.samples(`${selector}[10m]`)
  return found.map(({ metric, values }) => ({
    instance: metric.instance!,
    values: values
      .map(([seconds, value]) => [Math.round(seconds * 1000), value] as const)
      .filter(([at]) => at >= from && at <= to),
  }))
}

/** How the samples of two servers differ. */
export function unequal(a: readonly StoredSeries[], b: readonly StoredSeries[]) {
  let samples = 0
  /** Samples that one of them does not have. */
  const missing: string[] = []
  /** Times with two values, and values with two times. */
  const conflicts: string[] = []
  for (const { instance, values } of a) {
    const other = b.find(one => one.instance === instance)?.values ?? []
    const times = new Map(values)
    const timesOfB = new Map(other)
    const timeOf = new Map(values.map(([at, value]) => [value, at]))
    samples += new Set([...times.keys(), ...timesOfB.keys()]).size
    for (const [at, value] of other) {
      if ((times.get(at) ?? value) !== value || (timeOf.get(value) ?? at) !== at)
        conflicts.push(`${instance} ${value}@${at}`)
      else if (!times.has(at)) missing.push(`${instance} ${value}@${at}, only b`)
    }
    for (const [at, value] of values)
      if (!timesOfB.has(at)) missing.push(`${instance} ${value}@${at}, only a`)
  }
  return { samples, missing, conflicts }
}
