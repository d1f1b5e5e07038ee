import type { Instant } from '../base/clock.js'

/** Where reading of a partition begins: at a wall time (Unix ms), at an offset, or at one of the log's ends. */
export type Start = { readonly since: number } | { readonly offset: number } | 'earliest' | 'latest'

/** What the group has committed of a partition. */
export interface Committed {
  /** The next offset to be read. */
  readonly offset: number
  /** Opaque text of whoever committed it; empty when there is none. */
  readonly metadata: string
}

/** Where a member of a group begins the partitions that are newly its own. */
export interface StartPosition {
  /** Whether the group's committed offsets are fetched first; if not, `of` is called without any. */
  readonly usesCommitted: boolean
  /**
   * @param committed of every partition of the topic that has a commit
   * @param now when the partition was assigned
   */
  of(partition: number, committed: ReadonlyMap<number, Committed>, now: Instant): Start
  /** Where to go on when the topic was deleted and created again. */
  afterReplacement(now: Instant): Start
}

/** What was appended within the last `ms` milliseconds. */
export function replayWindow(ms: number): StartPosition {
  const start = (now: Instant): Start => ({ since: now.wall - ms })
  return { usesCommitted: false, of: (_partition, _committed, now) => start(now), afterReplacement: start }
}

/** Everything that is there. */
export const beginning: StartPosition = {
  usesCommitted: false,
  of: () => 'earliest',
  afterReplacement: () => 'earliest',
}

/**
 * Where the group has committed.
 *
 * @param otherwise where a partition begins of which nothing is committed
 */
export function committed(otherwise: Start = 'earliest'): StartPosition {
  return {
    usesCommitted: true,
    of: (partition, offsets) => {
      const found = offsets.get(partition)
      return found ? { offset: found.offset } : otherwise
    },
    afterReplacement: () => 'earliest',
  }
}
