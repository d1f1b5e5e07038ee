/**
 * Uniform random numbers in [0, 1), determined by seed and stream. Streams are independent: the
 * order in which an experiment reads them does not change their numbers.
 *
 * mulberry32 by Tommy Ettinger, seeded with the FNV-1a hash of seed and stream.
 */
export function randomOf(seed: number, stream: string): () => number {
  let state = 0x811c9dc5
  for (const character of `${seed}:${stream}`) {
    state = Math.imul(state ^ character.codePointAt(0)!, 0x01000193)
  }
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Distribution of the artificial delay between collection and sending of a snapshot. */
export interface DelayDistribution {
  readonly kind: 'none' | 'fixed' | 'uniform' | 'heavy'
  /** The delay of `fixed`, the maximum of `uniform` and `heavy`. */
  readonly seconds: number
}

/**
 * @returns seconds; `heavy` is a Pareto distribution with α = 1.2 and minimum 0.1 s, capped at the
 * maximum
 */
export function drawDelay({ kind, seconds }: DelayDistribution, random: () => number): number {
  switch (kind) {
    case 'none':
      return 0
    case 'fixed':
      return seconds
    case 'uniform':
      return seconds * random()
    case 'heavy':
      return Math.min(seconds, 0.1 / (1 - random()) ** (1 / 1.2))
  }
}
