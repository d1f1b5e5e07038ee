/**
 * Uniform numbers in [0, 1), the same for the same seed and stream: an experiment that asks in another order gets the same input still.
 *
 * mulberry32 by Tommy Ettinger, seeded with FNV-1a of both.
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

/** How long a snapshot is under way, on top of what Kafka takes. */
export interface Way {
  readonly kind: 'none' | 'fixed' | 'uniform' | 'heavy'
  /** The delay when fixed; the longest of all others. */
  readonly seconds: number
}

/** @returns seconds; the heavy tail is Pareto's with α = 1.2 from 0.1 s, cut off at the longest */
export function delayOf({ kind, seconds }: Way, random: () => number): number {
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
