import type { Instant } from '../../shared/base/clock.js'
import type { Steps } from '../../shared/base/steps.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { SnapshotReader } from '../../shared/snapshot/read.js'
import { applyOpened, type UnreadContent } from './apply.js'
import { retire } from './booking.js'
import { Counters } from './counters.js'
import { leaveReasonOf } from './forget.js'
import type { HandedTarget } from './handover/thaw.js'
import { judgeTarget } from './judge.js'
import { Partition } from './partition.js'
import type { ShardParts } from './shard-parts.js'
import { Source } from './source.js'
import { staleWindow } from './stale-window.js'
import type { Reading } from './store/layout-reading.js'
import type { Target } from './target.js'

/** Targets admitted per step: some tenths of a millisecond. */
const ADMITTED_PER_STEP = 500

/**
 * The log of a partition before its replay, of which only the headers of records are read: which
 * targets there were, and when each was last heard. A target that died before the replay window
 * thus has the state that it had before this shard was assigned the partition.
 *
 * The records are applied by the rules of all records, to targets of their own. `admitSteps` adds
 * those targets to the shard of which no later record is known. A target that is not stale yet is
 * read with its values.
 */
export class Past {
  readonly #partition: Partition
  readonly #parts: ShardParts

  /** @param live the partition, whose replay is complete */
  constructor(
    private readonly shard: ShardParts,
    private readonly live: Partition,
    now: Instant,
  ) {
    const { options, ledger, store, history, assemblies, seriesShown, partitionCount } = shard
    this.#partition = new Partition(live.number, now.mono)
    this.#parts = {
      // Refusals and delays were reported when the records were new.
      options: { ...options, onRefused() {}, onDelay() {}, onPlayed() {} },
      counters: new Counters(),
      ledger,
      reader: new SnapshotReader(options.limits),
      partitionCount,
      targetCount: 0,
      dropped: new Set(),
      store,
      history,
      assemblies,
      seriesShown,
      source: new Source(store),
    }
  }

  /** Number of targets found so far of which no later record is known. */
  get targets(): number {
    return this.#partition.targets.size
  }

  /**
   * Applies a record that precedes the replay. Records are applied in offset order.
   *
   * @param read what has been read for this record
   * @returns what has to be read before this is called again
   */
  apply(record: LogRecord, now: Instant, read?: Reading): UnreadContent | null {
    const { key, value } = record
    if (key === null || value === null) return null
    // Most records are of targets that are alive: nothing else of them is read.
    const later = this.live.targets.get(key.toString('latin1'))
    if (later?.runs.current) return null
    const { reader } = this.#parts
    try {
      this.#checkRoom(key)
      reader.open(value)
      if (this.shard.options.ignores(reader.incarnation)) return null
      const content = !this.#isStale(record.timestamp, reader)
      return applyOpened(this.#parts, this.#partition, record, now, { content, read })
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      // Other refusals were counted when the record was new.
      if (error.reason === 'limit') this.shard.counters.refuse('limit')
      return null
    }
  }

  /**
   * Applies what the previous owner of the partition knew of a target.
   *
   * @returns false if the target is up, and its last snapshot, which is not handed over, is older
   *   than the replay, as with a long interval: it is to be read back
   */
  applyHanded(handed: HandedTarget, now: Instant): boolean {
    const { record, arrivedAt, heardAt, playout } = handed
    const { reader } = this.#parts
    try {
      this.#checkRoom(record.key!)
      reader.open(record.value!)
      applyOpened(this.#parts, this.#partition, record, now, { content: false })
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      this.shard.counters.refuse(error.reason)
      return true
    }
    const target = this.#partition.targets.get(record.key!.toString('latin1'))!
    target.playout.resume(playout, now)
    target.playout.times.retime(target.snapshots, target.playout.delay)
    target.arrivedAt = arrivedAt
    target.heardAt = heardAt
    const run = target.runs.current
    // Its last record: `heardAt` may be that of another run. One that was outdated was not heard.
    if (run && run.heardAt > Number.NEGATIVE_INFINITY) run.heardAt = arrivedAt
    if (judgeTarget(target, this.live, now, this.shard.options).state !== 'up') return true
    this.#release(target)
    return false
  }

  /**
   * Adds the targets to the shard, except those of which a later record has arrived, and those that
   * would be removed at once. Later calls of `apply` are not allowed.
   *
   * @returns the number of added targets
   */
  *admitSteps(now: Instant): Steps<number> {
    let admitted = 0
    let step = 0
    for (const target of this.#partition.targets.values()) {
      if (++step % ADMITTED_PER_STEP === 0) yield
      if (this.#admit(target, now)) admitted++
      else this.#release(target)
    }
    this.#partition.targets.clear()
    return admitted
  }

  /** Releases all targets that were not added to the shard. */
  discard(): void {
    for (const target of this.#partition.targets.values()) this.#release(target)
    this.#partition.targets.clear()
  }

  #admit(target: Target, now: Instant): boolean {
    const { targets } = this.live
    if (targets.has(target.key)) return false
    // Partitions may have been added in between.
    if (target.hash % this.shard.partitionCount !== target.partition) return false
    if (leaveReasonOf(this.shard, this.live, target, now)) return false
    targets.set(target.key, target)
    this.shard.targetCount++
    this.#partition.targets.delete(target.key)
    return true
  }

  #release(target: Target): void {
    this.#partition.targets.delete(target.key)
    target.incoming?.discard('left')
    target.leave()
    retire(this.shard.store, target.snapshots.splice(0), 'forgotten')
  }

  #isStale(
    appendedAt: number,
    { incarnation, intervalMs }: Pick<SnapshotReader, 'incarnation' | 'intervalMs'>,
  ): boolean {
    const window = staleWindow(incarnation, intervalMs, this.shard.options)
    return this.live.clock.since(appendedAt, window) > window
  }

  #checkRoom(key: Buffer): void {
    const { targets } = this.#partition
    const { maxTargets } = this.shard.options
    if (targets.size + this.shard.targetCount < maxTargets) return
    if (targets.has(key.toString('latin1'))) return
    throw new RefusedError('limit', `the shard has ${maxTargets} targets, its limit; add shards`)
  }
}
