import type { Start } from '../start.js'

/**
 * A position that the broker refused: continue there, or at the beginning of the log if it is
 * later.
 */
export interface RefusedPosition {
  readonly refused: number
}

/**
 * Start of a partition that has no position yet. `replaced`: the log is not the one for which the
 * start was chosen.
 */
export type FetchStart = Start | RefusedPosition | 'replaced'

/**
 * Fetch state of one assigned partition. A partition that is lost and assigned again gets a new
 * object, so responses to requests of the old assignment can be detected by identity.
 */
export class FetchState {
  /** Next offset to fetch; null until the start is located. */
  position: number | null = null
  highWatermark = -1
  /** The last fetch failed: wait for new metadata. */
  stalled = false
  /** The topic was deleted and created again: discard what was fetched before. */
  replaced = false
  /** Its records are being delivered to the listener. */
  delivering = false
  /** Sequence number of its last delivery: partitions with the lowest one are fetched first. */
  lastDelivery = 0

  /** @param start null until it is determined */
  constructor(
    readonly partition: number,
    public start: FetchStart | null,
  ) {}
}

/** Effect of a new assignment on the partitions held so far. */
export interface AssignmentChange {
  readonly kept: number[]
  readonly fresh: number[]
  readonly lost: number[]
}

/**
 * Applies an assignment to `states`. Partitions that were held before continue, also if their start
 * is not located yet.
 *
 * @param unbroken false if other members may have owned them meanwhile: all start anew
 */
export function reassign(
  states: Map<number, FetchState>,
  assigned: readonly number[],
  startOf: (partition: number) => Start | null,
  unbroken = true,
): AssignmentChange {
  const wanted = [...new Set(assigned)].sort((a, b) => a - b)
  const lost = [...states.keys()]
    .filter(partition => !wanted.includes(partition))
    .sort((a, b) => a - b)
  for (const partition of lost) states.delete(partition)
  const kept: number[] = []
  const fresh: number[] = []
  for (const partition of wanted) {
    if (unbroken && states.has(partition)) kept.push(partition)
    else {
      states.set(partition, new FetchState(partition, startOf(partition)))
      fresh.push(partition)
    }
  }
  return { kept, fresh, lost }
}
