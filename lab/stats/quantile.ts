const sortKnown = (values: readonly number[]) =>
  values.filter(value => !Number.isNaN(value)).sort((a, b) => a - b)

/** The q-quantile by the nearest-rank method, ignoring NaN. NaN if there are no values. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = sortKnown(values)
  if (sorted.length === 0) return Number.NaN
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))]
}

/**
 * The median, ignoring NaN; of an even number of values the mean of the middle two. NaN if there
 * are no values.
 */
export function median(values: readonly number[]): number {
  const sorted = sortKnown(values)
  if (sorted.length === 0) return Number.NaN
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * Cumulative distribution in at most `steps` points: y is the share of values that are at most x.
 */
export function distribution(values: readonly number[], steps = 200): [x: number, y: number][] {
  const sorted = sortKnown(values)
  const n = sorted.length
  const count = Math.min(n, steps)
  return Array.from({ length: count }, (_, i) => {
    const rank = Math.ceil(((i + 1) * n) / count)
    return [sorted[rank - 1], rank / n]
  })
}

/**
 * Theil–Sen estimator: the median slope over all pairs of points, robust against outliers. Above
 * `maxPoints` the points are thinned evenly. NaN for fewer than two points.
 */
export function trend(
  points: readonly (readonly [x: number, y: number])[],
  maxPoints = 200,
): number {
  const step = Math.max(1, Math.floor(points.length / maxPoints))
  const thinned = points.filter((_, i) => i % step === 0)
  const slopes: number[] = []
  for (let i = 0; i < thinned.length; i++) {
    for (let j = i + 1; j < thinned.length; j++) {
      const dx = thinned[j][0] - thinned[i][0]
      if (dx !== 0) slopes.push((thinned[j][1] - thinned[i][1]) / dx)
    }
  }
  return median(slopes)
}
