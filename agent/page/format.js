const count = new Intl.NumberFormat('en')

export const formatCount = number => count.format(number)

/** A duration in milliseconds in one unit: `1.5s`. */
export function formatDuration(ms) {
  if (ms < 1000) return `${Math.round(ms)}ms`
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)}s`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)}m` : `${Math.round(ms / 3_600_000)}h`
}
