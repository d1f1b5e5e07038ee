const FIRST_MS = 100
const MAX_MS = 1000

/**
 * Exponential backoff in milliseconds. Half of it is random, so that publishers do not retry in
 * step.
 *
 * @param failures consecutive failures, at least 1
 * @param random from 0 to 1
 */
export function backoffMs(failures: number, random: number): number {
  return Math.min(FIRST_MS * 2 ** (failures - 1), MAX_MS) * (0.5 + random / 2)
}
