/** Chance, with the few shapes that demo traffic needs. */
export interface Random {
  /** True with the given probability. */
  chance(probability: number): boolean
  /** From 0 to n − 1. */
  below(n: number): number
  /** A long-tailed duration with the given median: most are near it, a few take ten times as long. */
  duration(medianMs: number): number
  pick<T>(items: readonly T[]): T
}

export const random: Random = {
  chance: probability => Math.random() < probability,
  below: n => Math.floor(Math.random() * n),
  duration(medianMs) {
    // Log-normal, from two uniform numbers (Box and Muller).
    const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
    return medianMs * Math.exp(0.7 * normal)
  },
  pick: items => items[Math.floor(Math.random() * items.length)],
}

/** As if something was waited for: a database, a bank. */
export const takes = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
