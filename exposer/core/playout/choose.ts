import { phaseOf } from './phases.js'

export interface Choice {
  /** Current D, ms; NaN before the first choice. */
  readonly current: number
  /** The delay that covers the propagation delay, ms. */
  readonly least: number
  /** Maximum of D, ms. */
  readonly most: number
  readonly intervalMs: number
  /**
   * For each scraper, the delay modulo the interval at which snapshots become due when it scrapes.
   */
  readonly boundaries: readonly number[]
}

/** Distance of D from each boundary as a share of the interval; the first that is possible. */
const GUARDS = [1 / 4, 1 / 8, 1 / 16, 1 / 32]
/**
 * D is kept down to this share of the first guard, because each change may repeat or skip a
 * snapshot.
 */
const KEPT = 1 / 2

/**
 * Chooses D, ms. It covers the propagation delay, and no snapshot becomes due at the time of a
 * scrape: timer noise would decide whether that scrape repeats or skips a snapshot.
 */
export function chooseDelay({ current, least, most, intervalMs, boundaries }: Choice): number {
  const lowest = Math.min(least, most)
  const free = (delay: number) => distance(delay, boundaries, intervalMs)
  // With a long-tailed distribution the longest delays are rare: D is shortened only if it is twice
  // too long.
  const highest = Math.min(most, Math.max(lowest + intervalMs, 2 * lowest))
  const usable = current >= lowest && current <= highest
  const [guard] = GUARDS
  if (usable && free(current) >= guard * KEPT * intervalMs) return current
  for (const share of GUARDS) {
    const room = share * intervalMs
    const candidates = [lowest]
    for (const boundary of boundaries) {
      for (const edge of [boundary - room, boundary + room]) {
        candidates.push(lowest + phaseOf(edge - lowest, intervalMs))
      }
    }
    // The tolerance covers rounding errors: candidates are at this distance exactly.
    const fitting = candidates.filter(delay => delay <= most && free(delay) >= room - 1e-6)
    if (fitting.length === 0) continue
    const smallest = Math.min(...fitting)
    if (!usable) return smallest
    // If D crosses no boundary, no snapshot is repeated or skipped.
    const same = fitting.filter(delay => !between(current, delay, boundaries, intervalMs))
    return same.length ? nearest(current, same) : smallest
  }
  return usable ? current : lowest
}

function distance(delay: number, boundaries: readonly number[], intervalMs: number): number {
  let least = Number.POSITIVE_INFINITY
  for (const boundary of boundaries) {
    const phase = phaseOf(delay - boundary, intervalMs)
    least = Math.min(least, phase, intervalMs - phase)
  }
  return least
}

/** Whether a boundary is between two delays. */
function between(a: number, b: number, boundaries: readonly number[], intervalMs: number): boolean {
  const [low, high] = a < b ? [a, b] : [b, a]
  return boundaries.some(boundary => low + phaseOf(boundary - low, intervalMs) <= high)
}

function nearest(to: number, delays: readonly number[]): number {
  return delays.reduce((best, delay) => (Math.abs(delay - to) < Math.abs(best - to) ? delay : best))
}
