import type { Start } from '../start.js'

/** A broker refused our position: read again from there, or from wherever the log now begins. */
export interface Refused {
  readonly refused: number
}

/** Where a feed begins, before it has a position: `replaced` where the log is another one than that of its start. */
export type FeedStart = Start | Refused | 'replaced'

/**
 * One tenure of a partition. Whoever loses the partition and gets it again gets another feed, so that what was fetched for
 * the old one can be told from what is wanted now by identity.
 */
export class Feed {
  /** Next offset to read; null until its start is located. */
  position: number | null = null
  highWatermark = -1
  /** The broker refused the last fetch: wait for new metadata. */
  stalled = false
  /** The topic was deleted and created again: nothing that was fetched before is wanted any more. */
  replaced = false
  /** Records of it are being handed over. */
  busy = false
  /** When it last brought records; who waited longest is asked for first. */
  served = 0

  /** @param start null until it is asked for */
  constructor(
    readonly partition: number,
    public start: FeedStart | null,
  ) {}
}

/** What a new assignment means for the feeds held so far. */
export interface Transition {
  readonly kept: number[]
  readonly fresh: number[]
  readonly lost: number[]
}

/** The feeds of an assignment: those with a position go on, the rest begin anew. Changes `feeds`. */
export function reassign(
  feeds: Map<number, Feed>,
  assigned: readonly number[],
  startOf: (partition: number) => Start | null,
): Transition {
  const wanted = [...new Set(assigned)].sort((a, b) => a - b)
  const lost = [...feeds.keys()].filter(partition => !wanted.includes(partition)).sort((a, b) => a - b)
  for (const partition of lost) feeds.delete(partition)
  const kept: number[] = []
  const fresh: number[] = []
  for (const partition of wanted) {
    if (feeds.get(partition)?.position != null) kept.push(partition)
    else {
      feeds.set(partition, new Feed(partition, startOf(partition)))
      fresh.push(partition)
    }
  }
  return { kept, fresh, lost }
}
