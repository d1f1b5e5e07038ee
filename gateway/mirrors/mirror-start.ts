import type { Committed, Start, StartPosition } from '../../shared/kafka/start.js'
import type { Origin } from './state/made.js'
import { type MirrorOptions, stateMs } from './state/options.js'

/** The first word of the text of a commit. */
const VERSION = '1'
/** Offset of a partition of which everything is published. */
const EVERYTHING = 0

/** The text that is committed with an offset: the log time there. */
export const commitText = ({ time }: Origin): string => `${VERSION} ${Math.floor(time)}`

function timeOf({ metadata }: Committed): number | undefined {
  const [version, time] = metadata.split(' ')
  const parsed = Number(time)
  return version === VERSION && Number.isSafeInteger(parsed) ? parsed : undefined
}

/**
 * Starts more than a lookback before the commit: what is read before it is for the state only.
 * Without a commit, mirrors begin with the lookback before now; a partition that was added to a
 * group with commits begins at its beginning.
 */
export class MirrorStart implements StartPosition {
  readonly usesCommitted = true
  readonly #committed = new Map<number, number>()

  constructor(private readonly options: MirrorOptions) {}

  /**
   * The offset from which on snapshots are published. To be called once at each start: a log that
   * was replaced is read without another look at the commits, and all of it is published.
   */
  takePublishedFrom(partition: number): number {
    const offset = this.#committed.get(partition) ?? EVERYTHING
    this.#committed.delete(partition)
    return offset
  }

  of(
    partition: number,
    committed: ReadonlyMap<number, Committed>,
    now: { readonly wall: number },
  ): Start {
    const found = committed.get(partition)
    if (!found) {
      this.#committed.delete(partition)
      return committed.size > 0 ? 'earliest' : { since: now.wall - this.options.lookbackMs }
    }
    this.#committed.set(partition, found.offset)
    const time = timeOf(found)
    return time === undefined ? { offset: found.offset } : { since: time - stateMs(this.options) }
  }

  /** Called also when nothing was replaced. */
  afterReplacement(): Start {
    return 'earliest'
  }
}
