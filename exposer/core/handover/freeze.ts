import type { Instant } from '../../../shared/base/clock.js'
import { encodeFailure } from '../../../shared/snapshot/failure.js'
import { isRelayed } from '../../../shared/snapshot/relayed.js'
import { encodeSnapshot } from '../../../shared/snapshot/write.js'
import type { HandedCursor } from '../history/history.js'
import type { Gap, LogClock } from '../log-clock.js'
import type { PlayoutState } from '../playout/playout.js'
import type { PlayoutTimesState } from '../playout/times.js'
import type { Memory } from '../store/memory.js'
import type { Snapshot } from '../store/snapshot.js'
import type { Target } from '../target.js'

/** Version of the lines. A reader refuses any other. */
export const HANDOVER_VERSION = 1
/** A layout id that no layout has: the layout is not handed over. */
const NO_LAYOUT = '\0'.repeat(16)

/** First line of a handover. */
export interface HandoverHeader {
  readonly version: number
  readonly partition: number
  /** Log time now, Unix ms; null if no record was ever read. */
  readonly time: number | null
  readonly gaps: readonly Gap[]
  /** Whether all targets of the partition are in the lines, back to `--staleness.forget`. */
  readonly complete: boolean
  readonly cursors: readonly HandedCursor[]
}

/** A line for each target. The last line is the number of these lines. */
export interface TargetLine {
  /**
   * Base64 of the last record of the target without layout and values: a Snapshot or a Failure.
   */
  readonly record: string
  readonly offset: number
  readonly appendedAt: number
  /** Log time. */
  readonly arrivedAt: number
  readonly heardAt: number
  readonly playout: PlayoutState
}

/** What is handed over of a snapshot; its parts would keep their layouts in memory. */
type Last = Pick<
  Snapshot,
  | 'incarnation'
  | 'sequence'
  | 'offset'
  | 'collectedAt'
  | 'appendedAt'
  | 'intervalMs'
  | 'collectSeconds'
  | 'end'
  | 'failure'
>

interface FrozenTarget {
  readonly target: Target
  readonly last: Last
  readonly times: PlayoutTimesState
}

/** A target with its newest snapshot, as it is frozen. */
export function frozenTarget(target: Target, newest: Snapshot): FrozenTarget {
  const { incarnation, sequence, offset, collectedAt, appendedAt } = newest
  const { intervalMs, collectSeconds, end, failure } = newest
  const collection = { collectedAt, appendedAt, intervalMs, collectSeconds, end, failure }
  const times = target.playout.times.state(target.snapshots)
  return { target, last: { incarnation, sequence, offset, ...collection }, times }
}

/** Estimated bytes of a frozen target besides the target. */
const FROZEN_BYTES = 300
/** Estimated bytes of the playout time of a snapshot. */
const TIME_BYTES = 60

/**
 * What the previous owner of a partition knows and the log does not tell: the positions of scrapers
 * of the view `all`, the playout delays, and which targets were last heard when.
 *
 * Freezing keeps references only, so that a partition is given up at once. The lines are generated
 * when they are requested.
 */
export class FrozenPartition {
  readonly #time: number
  /** Samples held for scrapers: lost if nobody fetches their positions. */
  #unseen = 0
  #state: 'kept' | 'taken' | 'expired' = 'kept'
  readonly #gaps: readonly Gap[]
  /** Reserved memory: the targets are released by their shard, but not garbage. */
  #heap = 0
  #buffers = 0

  /**
   * @param targets of the partition, which nobody changes any more
   * @param complete whether all targets of the partition are known
   * @param frozenAt monotonic ms
   */
  constructor(
    readonly partition: number,
    private readonly targets: readonly FrozenTarget[],
    private readonly cursors: readonly HandedCursor[],
    clock: LogClock,
    readonly complete: boolean,
    private readonly frozenAt: number,
    private readonly memory: Pick<Memory, 'promise'>,
  ) {
    this.#time = clock.time
    this.#gaps = clock.gaps
    for (const { target, times } of targets) {
      this.#heap += FROZEN_BYTES + TIME_BYTES * times.held.length + target.counted.heap
      this.#buffers += target.counted.buffers
    }
    memory.promise(this.#heap, this.#buffers)
  }

  /**
   * Samples that were held for scrapers are released.
   *
   * @returns those that are lost for certain
   */
  noteUnseen(samples: number): number {
    if (this.#state === 'kept') this.#unseen += samples
    return this.#state === 'expired' ? samples : 0
  }

  /** The next owner has fetched it. */
  take(): void {
    if (this.#state === 'kept') this.#release()
    this.#state = 'taken'
  }

  /** Nobody has fetched it. @returns samples that are lost */
  expire(): number {
    if (this.#state !== 'kept') return 0
    this.#state = 'expired'
    this.#release()
    return this.#unseen
  }

  #release(): void {
    this.memory.promise(-this.#heap, -this.#buffers)
  }

  *lines(now: Instant): Generator<string> {
    const elapsed = Math.max(0, now.mono - this.frozenAt)
    const header: HandoverHeader = {
      version: HANDOVER_VERSION,
      partition: this.partition,
      time: Number.isFinite(this.#time) ? this.#time + elapsed : null,
      gaps: this.#gaps,
      complete: this.complete,
      cursors: this.cursors.map(cursor => ({ ...cursor, idleMs: cursor.idleMs + elapsed })),
    }
    yield JSON.stringify(header)
    for (const frozen of this.targets) yield JSON.stringify(lineOf(frozen, now))
    yield String(this.targets.length)
  }
}

function lineOf({ target, last, times }: FrozenTarget, now: Instant): TargetLine {
  return {
    record: recordOf(target, last).toString('base64'),
    offset: last.offset,
    appendedAt: last.appendedAt,
    arrivedAt: target.arrivedAt,
    heardAt: target.heardAt,
    playout: target.playout.state(now, times),
  }
}

function recordOf(target: Target, last: Last): Buffer {
  const { incarnation, sequence, intervalMs, collectSeconds, end, failure } = last
  const run = target.runs.find(incarnation)
  const collection = {
    target: target.labels,
    incarnation,
    sequence,
    superseded: run?.superseded ?? 0,
    // That of a relayed run is not clamped, and is its number.
    collectedAt: isRelayed(incarnation) ? sequence : (run?.collectedAt ?? last.collectedAt),
    intervalMs,
    collectSeconds,
  }
  if (failure !== null) return encodeFailure(collection, failure)
  return encodeSnapshot(
    { ...collection, part: 0, parts: 1, end, layoutId: NO_LAYOUT },
    { layoutCompressed: new Uint8Array(), values: [] },
  )
}
