const FIRST_MS = 100
const MOST_MS = 1000

/**
 * Milliseconds to wait after so many failures in a row, from 1. Half of it is random, so that a fleet does not come back all at
 * once.
 *
 * @param random from 0 to 1
 */
export function backoffMs(failures: number, random: number): number {
  return Math.min(FIRST_MS * 2 ** (failures - 1), MOST_MS) * (0.5 + random / 2)
}
