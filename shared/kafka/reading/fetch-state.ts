import type { Start } from '../start.js'

/** A broker refused our position: read again from there, or from wherever the log now begins. */
export interface RefusedPosition {
  readonly refused: number
}

/** Where a state begins, before it has a position: `replaced` where the log is another one than that of its start. */
export type FetchStart = Start | RefusedPosition | 'replaced'

/**
 * One tenure of a partition. Whoever loses the partition and gets it again gets another state, so that what was fetched for
 * the old one can be told from what is wanted now by identity.
 */
export class FetchState {
  /** Next offset to read; null until its start is located. */
  position: number | null = null
  highWatermark = -1
  /** The broker refused the last fetch: wait for new metadata. */
  stalled = false
  /** The topic was deleted and created again: nothing that was fetched before is wanted any more. */
  replaced = false
  /** Records of it are being handed over. */
  delivering = false
  /** When it last brought records; who waited longest is asked for first. */
  lastDelivery = 0

  /** @param start null until it is asked for */
  constructor(
    readonly partition: number,
    public start: FetchStart | null,
  ) {}
}

/** What a new assignment means for the states held so far. */
export interface AssignmentChange {
  readonly kept: number[]
  readonly fresh: number[]
  readonly lost: number[]
}

/** The states of an assignment: those with a position go on, the rest begin anew. Changes `states`. */
export function reassign(
  states: Map<number, FetchState>,
  assigned: readonly number[],
  startOf: (partition: number) => Start | null,
): AssignmentChange {
  const wanted = [...new Set(assigned)].sort((a, b) => a - b)
  const lost = [...states.keys()].filter(partition => !wanted.includes(partition)).sort((a, b) => a - b)
  for (const partition of lost) states.delete(partition)
  const kept: number[] = []
  const fresh: number[] = []
  for (const partition of wanted) {
    if (states.get(partition)?.position != null) kept.push(partition)
    else {
      states.set(partition, new FetchState(partition, startOf(partition)))
      fresh.push(partition)
    }
  }
  return { kept, fresh, lost }
}
