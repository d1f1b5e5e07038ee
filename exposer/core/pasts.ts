import type { Instant } from '../../shared/base/clock.js'
import type { Steps } from '../../shared/base/steps.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import type { UnreadContent } from './apply.js'
import { retire } from './booking.js'
import type { Handed } from './handover/thaw.js'
import type { Partition } from './partition.js'
import { Past } from './past.js'
import type { ShardParts } from './shard-parts.js'
import type { Reading } from './store/layout-reading.js'
import type { Target } from './target.js'

/** Handed targets per step. */
const SETTLED_PER_STEP = 200

/**
 * What partitions were before their replays: as the log tells it, or as their previous owners have
 * handed it over.
 */
export class Pasts {
  /** Partitions whose log before the replay is not read yet. */
  readonly #pasts = new Map<number, Past>()

  constructor(private readonly parts: ShardParts) {}

  /** Whether targets of the partition may still be added or continued. */
  isUnsettled(partition: Partition): boolean {
    return partition.handed !== null || this.#pasts.has(partition.number)
  }

  /** The log before the replay of a loaded partition is to be read with `apply`. */
  begin(partition: Partition, now: Instant): void {
    partition.clock.startAt(now.wall)
    this.#pasts.get(partition.number)?.discard()
    this.#pasts.set(partition.number, new Past(this.parts, partition, now))
  }

  /** A record from before the replay. @returns what is to be read before it is applied again */
  apply(number: number, record: LogRecord, now: Instant, read?: Reading): UnreadContent | null {
    return this.#pasts.get(number)?.apply(record, now, read) ?? null
  }

  /**
   * The log before the replay was read. Adds the targets of which nothing later is known, in steps.
   *
   * @returns the number of added targets
   */
  *endSteps(number: number, now: Instant): Steps<number> {
    const past = this.#pasts.get(number)
    if (!past) return 0
    const admitted = yield* past.admitSteps(now)
    if (this.#pasts.get(number) === past) this.#pasts.delete(number)
    return admitted
  }

  /** Keeps what was handed over, until the replay is complete or the partition is dropped. */
  receive(partition: Partition, handed: Handed | null): void {
    const bytes = (handed?.bytes ?? 0) - (partition.handed?.bytes ?? 0)
    this.parts.store.memory.promise(bytes, 0)
    partition.handed = handed
  }

  /**
   * Continues with the states of a loaded partition that were handed over, in steps.
   *
   * @returns whether all handed targets are known; else the log is to be read back
   */
  *settleSteps(partition: Partition, handed: Handed, now: Instant): Steps<boolean> {
    const { number } = partition
    let whole = true
    partition.clock.resume(handed.time, handed.gaps)
    partition.clock.startAt(now.wall)
    const past = new Past(this.parts, partition, now)
    // It is discarded with the partition.
    this.#pasts.set(number, past)
    try {
      let step = 0
      for (const [key, known] of handed.targets) {
        if (++step % SETTLED_PER_STEP === 0) yield
        const target = partition.targets.get(key)
        if (target) {
          target.continueFrom(known, now)
          this.#dropOlder(target, known.playout.times?.held[0]?.[0])
        } else if (!past.applyHanded(known, now)) whole = false
      }
      if (this.#pasts.get(number) === past) yield* past.admitSteps(now)
    } finally {
      past.discard()
      if (this.#pasts.get(number) === past) this.#pasts.delete(number)
      this.receive(partition, null)
    }
    return whole
  }

  /** The partition is dropped. */
  discard(partition: Partition): void {
    this.#pasts.get(partition.number)?.discard()
    this.#pasts.delete(partition.number)
    this.receive(partition, null)
  }

  /**
   * Releases replayed snapshots that the previous owner did not hold any more: their playout times
   * are not known, and a newer one was exposed.
   *
   * @param first offset of the oldest one that it held; undefined if that is not known
   */
  #dropOlder({ snapshots }: Target, first: number | undefined): void {
    if (first === undefined) return
    const index = snapshots.findIndex(({ offset }) => offset >= first)
    if (index > 0) retire(this.parts.store, snapshots.splice(0, index), 'unscraped')
  }
}
