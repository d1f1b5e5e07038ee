/** Random numbers in the distributions that demo traffic uses. */
export interface Random {
  /** True with the given probability. */
  chance(probability: number): boolean
  /** A uniform integer from 0 to n − 1. */
  below(n: number): number
  /**
   * A log-normal duration in ms with the given median: most are near it, a few are ten times as
   * long.
   */
  duration(medianMs: number): number
  pick<T>(items: readonly T[]): T
}

export const random: Random = {
  chance: probability => Math.random() < probability,
  below: n => Math.floor(Math.random() * n),
  duration(medianMs) {
    // Box–Muller transform of two uniform numbers.
    const normal =
      Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
    return medianMs * Math.exp(0.7 * normal)
  },
  pick: items => items[Math.floor(Math.random() * items.length)],
}

/** Simulates the latency of a dependency, such as a database. */
export const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
