import type { Instant } from '../base/clock.js'

/** Start of reading a partition: a wall time (Unix ms), an offset, or one end of the log. */
export type Start = { readonly since: number } | { readonly offset: number } | 'earliest' | 'latest'

/** Committed offset of a partition. */
export interface Committed {
  /** Next offset to read. */
  readonly offset: number
  /** Opaque text of the member that committed it; empty if there is none. */
  readonly metadata: string
}

/** Chooses the start of newly assigned partitions. */
export interface StartPosition {
  /** Whether the committed offsets of the group are fetched first. Otherwise `of` gets none. */
  readonly usesCommitted: boolean
  /**
   * @param committed committed offsets of all partitions of the topic
   * @param now when the partition was assigned
   */
  of(partition: number, committed: ReadonlyMap<number, Committed>, now: Instant): Start
  /** Start after the topic was deleted and created again. */
  afterReplacement(now: Instant): Start
}

/** Starts at the records appended within the last `ms` milliseconds. */
export function replayWindow(ms: number): StartPosition {
  const start = (now: Instant): Start => ({ since: now.wall - ms })
  return {
    usesCommitted: false,
    of: (_partition, _committed, now) => start(now),
    afterReplacement: start,
  }
}

/** Starts at the beginning of the log. */
export const beginning: StartPosition = {
  usesCommitted: false,
  of: () => 'earliest',
  afterReplacement: () => 'earliest',
}

/**
 * Starts at the committed offset.
 *
 * @param otherwise start of partitions without a committed offset
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
