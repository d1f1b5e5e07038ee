import type { Instant } from '../../shared/base/clock.js'
import type { Committed, Start, StartPosition } from '../../shared/kafka/start.js'
import type { Position } from './progress.js'

/** What is committed with an offset. */
export interface CommitMetadata {
  /** Append time of a record shortly before the offset, Unix ms. */
  readonly time: number
  /** Number of partitions when the offset was committed. */
  readonly partitions: number
}

export const commitText = ({ time, partitions }: CommitMetadata): string =>
  JSON.stringify({ time: Math.round(time), partitions })

/** Null for a text that this program has not written. */
export function readCommit(text: string): CommitMetadata | null {
  try {
    const { time, partitions } = JSON.parse(text)
    return Number.isSafeInteger(time) && Number.isSafeInteger(partitions)
      ? { time, partitions }
      : null
  } catch {
    return null
  }
}

/**
 * Where sending begins: at the committed offset. The log is read from a while before it, for the
 * state of the targets. Without an offset it is now; a partition that was added after the group had
 * begun is sent from its beginning.
 */
export class CommittedStart implements StartPosition {
  readonly usesCommitted = true
  /** Positions of assigned partitions: null for now, and at offset 0 for the beginning. */
  readonly #positions = new Map<number, Position | null>()

  /** @param windowMs how far before the committed offset the log is read */
  constructor(private readonly windowMs: number) {}

  of(partition: number, committed: ReadonlyMap<number, Committed>, now: Instant): Start {
    const own = committed.get(partition)
    if (own) {
      const time = readCommit(own.metadata)?.time ?? now.wall - 60 * 60_000
      this.#positions.set(partition, { offset: own.offset, time })
      return { since: time - this.windowMs }
    }
    const wasAdded = [...committed.values()].some(({ metadata }) => {
      const partitions = readCommit(metadata)?.partitions
      return partitions !== undefined && partitions <= partition
    })
    this.#positions.set(partition, wasAdded ? { offset: 0, time: 0 } : null)
    return wasAdded ? 'earliest' : { since: now.wall - this.windowMs }
  }

  /** The log is another one: all of it is new. */
  afterReplacement(): Start {
    return 'earliest'
  }

  /**
   * Where sending begins, of a partition whose log was found; undefined if its log was replaced.
   * Null: at its end.
   */
  consume(partition: number): Position | null | undefined {
    const position = this.#positions.get(partition)
    this.#positions.delete(partition)
    return position
  }
}
