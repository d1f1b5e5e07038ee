/** The smallest of the figures that is not below so large a share of them (nearest rank); NaN of none. */
export function quantile(figures: readonly number[], share: number): number {
  const sorted = figures.filter(figure => !Number.isNaN(figure)).sort((a, b) => a - b)
  if (sorted.length === 0) return Number.NaN
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]
}

/** The middle, or the mean of the two in the middle; NaN of none. */
export function median(figures: readonly number[]): number {
  const sorted = figures.filter(figure => !Number.isNaN(figure)).sort((a, b) => a - b)
  if (sorted.length === 0) return Number.NaN
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The share of figures not above each, as a staircase of so many steps at most: what a plot of a distribution draws. */
export function distribution(figures: readonly number[], steps = 200): [x: number, share: number][] {
  const sorted = figures.filter(figure => !Number.isNaN(figure)).sort((a, b) => a - b)
  const n = sorted.length
  const count = Math.min(n, steps)
  return Array.from({ length: count }, (_, i) => {
    const rank = Math.ceil(((i + 1) * n) / count)
    return [sorted[rank - 1], rank / n]
  })
}

/**
 * The slope of a line through the points: the median of those through every two of them (Theil and Sen), which a few outliers do not move. Of
 * many points every so-manieth is taken. NaN of fewer than two.
 */
export function trend(points: readonly (readonly [x: number, y: number])[], most = 200): number {
  const step = Math.max(1, Math.floor(points.length / most))
  const taken = points.filter((_, i) => i % step === 0)
  const slopes: number[] = []
  for (let i = 0; i < taken.length; i++) {
    for (let j = i + 1; j < taken.length; j++) {
      const dx = taken[j][0] - taken[i][0]
      if (dx !== 0) slopes.push((taken[j][1] - taken[i][1]) / dx)
    }
  }
  return median(slopes)
}
