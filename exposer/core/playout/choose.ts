import { phaseOf } from './phases.js'

export interface Choice {
  /** D as it is now, ms; NaN before the first choice. */
  readonly current: number
  /** What covers the way through the queue. */
  readonly least: number
  readonly most: number
  readonly intervalMs: number
  /**
   * The delays, modulo the interval, at which a snapshot would become due in the very moment of a scrape, for each scraper one.
   */
  readonly boundaries: readonly number[]
}

/** How far D stays away from every boundary, as a share of the interval, as long as there is room for it. */
const GUARDS = [1 / 4, 1 / 8, 1 / 16, 1 / 32]
/** A delay that is good enough is kept down to this share of the guard: each change of it may repeat or skip a snapshot. */
const KEPT = 1 / 2

/**
 * D: no less than what covers the way through the queue, and such that no snapshot becomes due just when somebody scrapes, where
 * the noise of a timer would decide whether a scrape still sees the one before or sees two steps at once.
 */
export function chooseDelay({ current, least, most, intervalMs, boundaries }: Choice): number {
  const lowest = Math.min(least, most)
  const free = (delay: number) => distance(delay, boundaries, intervalMs)
  // A long tail shows its longest ways now and then: half of D may be to spare before it is taken back.
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
    // A hair's breadth of rounding must not refuse a candidate that was made to fit.
    const fitting = candidates.filter(delay => delay <= most && free(delay) >= room - 1e-6)
    if (fitting.length === 0) continue
    const smallest = Math.min(...fitting)
    if (!usable) return smallest
    // On the same side of every boundary nothing is repeated or skipped.
    const same = fitting.filter(delay => !between(current, delay, boundaries, intervalMs))
    return same.length ? nearest(current, same) : smallest
  }
  return usable ? current : lowest
}

function distance(delay: number, boundaries: readonly number[], intervalMs: number): number {
  let least = Number.POSITIVE_INFINITY
  for (const boundary of boundaries) {
    const one = phaseOf(delay - boundary, intervalMs)
    least = Math.min(least, one, intervalMs - one)
  }
  return least
}

/** Whether a boundary lies between two delays. */
function between(a: number, b: number, boundaries: readonly number[], intervalMs: number): boolean {
  const [low, high] = a < b ? [a, b] : [b, a]
  return boundaries.some(boundary => low + phaseOf(boundary - low, intervalMs) <= high)
}

function nearest(to: number, delays: readonly number[]): number {
  return delays.reduce((best, delay) => (Math.abs(delay - to) < Math.abs(best - to) ? delay : best))
}
