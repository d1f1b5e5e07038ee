import type { Instant } from '../../shared/base/clock.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import { runNow, type Steps } from '../../shared/base/steps.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { SnapshotReader } from '../../shared/snapshot/read.js'
import { applyRecord, type UnreadContent } from './apply.js'
import { Assemblies } from './assembly.js'
import { bookReleased } from './booking.js'
import { Counters } from './counters.js'
import { forgetSteps, leaveReasonOf } from './forget.js'
import type { FrozenPartition } from './handover/freeze.js'
import { freezePartition } from './handover/freeze-partition.js'
import type { Handed } from './handover/thaw.js'
import { History } from './history/history.js'
import { judge, troubleOf, type Verdict, windowOf } from './judge.js'
import { Ledger } from './ledger.js'
import { DEFAULT_OPTIONS, type ShardOptions } from './options.js'
import { hasStandby, livingRuns } from './overlap.js'
import { Partition } from './partition.js'
import { Pasts } from './pasts.js'
import { dueSnapshot } from './playout/held.js'
import { decodeOrRefuse, refuse } from './refusals.js'
import { REPORT_NAMES } from './render/massive/report.js'
import { SeriesShown } from './render/massive/series-added.js'
import type { ShardParts } from './shard-parts.js'
import { Source, type Subscriber } from './source.js'
import {
  describePartition,
  describeTarget,
  type PartitionStatus,
  type TargetStatus,
} from './status.js'
import type { Reading } from './store/layout-reading.js'
import type { Snapshot } from './store/snapshot.js'
import { Store } from './store/store.js'
import type { Target } from './target.js'

/** Targets per step of a sweep: some tenths of a millisecond. */
const SWEPT_PER_STEP = 1000
/** Targets per step of dropping a partition. */
const DROPPED_PER_STEP = 200

export interface Assignment {
  readonly epoch: number
  readonly partitionCount: number
  readonly kept: readonly number[]
  readonly fresh: readonly number[]
  readonly lost: readonly number[]
}

/**
 * The state of one shard: its partitions, their targets and snapshots. It receives records and time
 * as arguments and does no IO. Whether it may serve its partitions (the lease) is decided by the
 * caller.
 */
export class Shard {
  readonly options: ShardOptions
  readonly counters = new Counters()
  readonly ledger = new Ledger()
  /** Memory of all targets. Readers of a snapshot acquire it there. */
  readonly store: Store
  /** Snapshots held for scrapers of the view `all`. */
  readonly history: History
  readonly assemblies: Assemblies
  readonly seriesShown: SeriesShown
  readonly #partitions = new Map<number, Partition>()
  readonly #pasts: Pasts
  readonly #parts: ShardParts & { partitionCount: number }

  constructor(options: Partial<ShardOptions> = {}) {
    this.options = { ...DEFAULT_OPTIONS, ...options }
    const { limits, memory, layoutBytes } = this.options
    this.store = new Store({
      limits,
      memory,
      layoutBytes,
      reserved: REPORT_NAMES,
      onReleased: bookReleased,
    })
    this.seriesShown = new SeriesShown(this.store, this.options.maxScrapers)
    this.history = new History(
      {
        maxAgeMs: this.options.historyMaxAgeMs,
        maxBytes: this.options.historyBytes,
        maxScrapers: this.options.maxScrapers,
        expectsScrapers: this.options.expectsScrapers,
      },
      this.store,
    )
    this.assemblies = new Assemblies({ store: this.store, maxSeries: limits.samples })
    this.#parts = {
      options: this.options,
      counters: this.counters,
      ledger: this.ledger,
      reader: new SnapshotReader(limits),
      partitionCount: 0,
      targetCount: 0,
      dropped: new Set(),
      store: this.store,
      history: this.history,
      assemblies: this.assemblies,
      seriesShown: this.seriesShown,
      source: new Source(this.store),
    }
    this.#pasts = new Pasts(this.#parts)
  }

  /**
   * Takes effect at once. `releaseSteps` releases what the lost partitions held.
   *
   * @param complete whether all targets of a partition are known, to tell its next owner
   * @returns what is handed over of the lost partitions. The caller passes each to `expire` unless
   *   it was fetched.
   */
  assign(
    assignment: Assignment,
    now: Instant,
    complete: (partition: number) => boolean = () => true,
  ): FrozenPartition[] {
    const isRepartitioned = assignment.partitionCount !== this.#parts.partitionCount
    this.#parts.partitionCount = assignment.partitionCount
    // Before anything is frozen: the next owner refuses targets of other partitions.
    if (isRepartitioned) this.#dropRepartitioned(now.mono)
    const frozen: FrozenPartition[] = []
    for (const number of assignment.lost) {
      const partition = this.#partitions.get(number)
      if (!partition) continue
      frozen.push(freezePartition(this.#parts, partition, complete(number), now))
      this.#drop(number)
    }
    for (const number of assignment.fresh) {
      this.#drop(number)
      this.#partitions.set(number, new Partition(number, now.mono))
      this.history.beginReplay(number, now)
    }
    return frozen
  }

  /** Books what was lost because nobody fetched a frozen partition. */
  expire(frozen: FrozenPartition): void {
    this.history.drop('moved', frozen.expire())
  }

  /**
   * Starts the replay of a partition, or restarts it if its log was replaced: then `releaseSteps`
   * releases what it held.
   *
   * @param from offset of the first record
   * @param until offset at which the replay is complete; if it is `from`, the partition is loaded
   *   at once
   */
  replay(number: number, from: number, until: number, now: Instant): void {
    let partition = this.#partitions.get(number)
    if (!partition) return
    if (partition.position >= 0) {
      // The log was replaced: the targets, and the positions of scrapers, are those of the old one.
      this.#drop(number)
      partition = new Partition(number, now.mono)
      this.#partitions.set(number, partition)
      this.history.beginReplay(number, now)
    }
    partition.replayUntil = until
    this.#advance(partition, from, until, now)
  }

  /** Releases the targets of dropped partitions, which are not found any more. */
  *releaseSteps(): Steps<void> {
    let step = 0
    for (const partition of this.#parts.dropped) {
      for (const target of partition.targets.values()) {
        yield* forgetSteps(this.#parts, partition, target, 'moved')
        if (++step % DROPPED_PER_STEP === 0) yield
      }
      this.#parts.dropped.delete(partition)
    }
    yield* this.store.families.updateSteps()
  }

  /**
   * Applies one record. Never throws: an invalid record is refused as a whole, counted and
   * reported.
   */
  apply(number: number, record: LogRecord, now: Instant): void {
    let unread = this.tryApply(number, record, now)
    while (unread) unread = this.tryApply(number, record, now, runNow(this.read(unread)))
  }

  /**
   * As `apply`, unless the layout of the record is not known or its body is long: then nothing
   * changes, and that is returned. Read it with `read`, and call this again with the result.
   *
   * @param read what was read for the record
   */
  tryApply(number: number, record: LogRecord, now: Instant, read?: Reading): UnreadContent | null {
    const partition = this.#partitions.get(number)
    if (!partition) return null
    try {
      const unread = applyRecord(this.#parts, partition, record, now, read)
      if (unread) return unread
    } catch (error) {
      refuse(this.#parts, error as Error, number, record.offset)
      // The append time of a refused record also advances the log time.
      partition.clock.consumed(record.timestamp, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
    }
    partition.position = record.offset + 1
    const { source } = this.#parts
    if (source.hasNote) {
      source.notifyNoted(target =>
        partition.targets.has(target.key) ? this.judge(target, now) : undefined,
      )
    }
    return null
  }

  /** Reads what `tryApply` has returned, in steps between which records may be applied. */
  read(unread: UnreadContent): Steps<Reading> {
    return unread.kind === 'layout'
      ? this.store.readLayout(unread.id, unread.compressed, unread.replaced)
      : this.store.readBody(unread.layout, unread.bytes, unread.replaced)
  }

  /** A fetch was answered and its records were applied. */
  fetched(number: number, next: number, highWatermark: number, now: Instant): void {
    const partition = this.#partitions.get(number)
    if (!partition) return
    partition.fetchedAt = now.mono
    partition.failingSince = Number.NaN
    this.#advance(partition, next, highWatermark, now)
    if (partition.lagRecords === 0) partition.clock.fetchedAtWatermark(now.mono)
    else partition.clock.fetchedBehind()
  }

  fetchFailed(numbers: readonly number[], now: Instant): void {
    for (const number of numbers) {
      const partition = this.#partitions.get(number)
      if (!partition) continue
      partition.clock.failed()
      if (Number.isNaN(partition.failingSince)) partition.failingSince = now.mono
    }
  }

  /** Whether the replay of the partition is complete. */
  loaded(number: number): boolean {
    return this.#partitions.get(number)?.loaded ?? false
  }

  /**
   * The log before the replay is to be read with `applyPast`. The targets of the partition stay
   * until `endPastSteps`, so that a target that ended in the replay does not return as a stale one.
   * Does nothing for a partition that is not assigned or not loaded.
   */
  beginPast(number: number, now: Instant): void {
    const partition = this.#partitions.get(number)
    if (partition?.loaded) this.#pasts.begin(partition, now)
  }

  /** As `tryApply`, for a record from before the replay. */
  applyPast(number: number, record: LogRecord, now: Instant, read?: Reading): UnreadContent | null {
    return this.#pasts.apply(number, record, now, read)
  }

  /**
   * The log before the replay was read. Adds the targets of which nothing later is known, in steps.
   *
   * @returns the number of added targets
   */
  endPastSteps(number: number, now: Instant): Steps<number> {
    return this.#pasts.endSteps(number, now)
  }

  /**
   * The previous owner of the partition has handed it over, before or after the replay. Follow it
   * by `settleSteps` when the partition is loaded.
   */
  receive(number: number, handed: Handed, now: Instant): void {
    const partition = this.#partitions.get(number)
    if (!partition) return
    this.#pasts.receive(partition, handed)
    this.history.resume(number, handed.cursors, now)
  }

  /**
   * Continues with the states of a loaded partition that were handed over, in steps. Does nothing
   * without any.
   *
   * @returns whether all handed targets are known; else the log is to be read back
   */
  *settleSteps(number: number, now: Instant): Steps<boolean> {
    const partition = this.#partitions.get(number)
    const handed = partition?.handed
    if (!partition?.loaded || !handed) return true
    return yield* this.#pasts.settleSteps(partition, handed, now)
  }

  /** @param key record key, as latin1 text */
  find(key: string): Target | undefined {
    const number = partitionFor(Buffer.from(key, 'latin1'), this.#parts.partitionCount)
    return this.#partitions.get(number)?.targets.get(key)
  }

  /** The targets of all partitions. They may be added and removed during the iteration. */
  *targets(): Generator<Target> {
    for (const { targets } of this.#partitions.values()) yield* targets.values()
  }

  get targetCount(): number {
    return this.#parts.targetCount
  }

  judge(target: Target, now: Instant): Verdict {
    const partition = this.#partitions.get(target.partition)
    if (!partition) {
      return {
        state: 'replaying',
        reason: `partition ${target.partition} is not assigned to this shard`,
      }
    }
    return judge(target, partition, now, this.options)
  }

  /**
   * Whether a target is stale when log time has reached `logTime`, although no later record was
   * applied yet. False if the log itself was silent for so long: the next record tells whether that
   * was the cause.
   */
  isStaleAt(target: Target, logTime: number): boolean {
    const partition = this.#partitions.get(target.partition)
    if (!partition) return false
    const window = windowOf(target, this.options)
    const ahead = Math.max(0, logTime - partition.clock.time)
    if (ahead > window || hasStandby(target, partition, this.options)) return false
    return partition.clock.since(target.arrivedAt, window) + ahead > window
  }

  /** Log time of a partition, Unix ms; −Infinity before the first record. */
  logTime(number: number): number {
    return this.#partitions.get(number)?.clock.time ?? Number.NEGATIVE_INFINITY
  }

  /** The targets of a partition. They may be added and removed during the iteration. */
  targetsOf(number: number): Iterable<Target> {
    return this.#partitions.get(number)?.targets.values() ?? []
  }

  /** Number of runs that publish with the labels of the target at the same time. */
  runs(target: Target): number {
    return livingRuns(target, this.#partitions.get(target.partition), this.options)
  }

  /** Why the targets of some partitions cannot be judged now: replaying, blind or lagging. */
  trouble(now: Instant): string | undefined {
    return troubleOf(this.#partitions.values(), now, this.options)
  }

  /**
   * The snapshot that `/target` exposes now, decoded; the caller acquires it. Undefined before the
   * first complete snapshot, and after a failed collection.
   *
   * @param at as for `due`
   */
  played(target: Target, now: Instant, at?: number): Snapshot | undefined {
    const { playout } = target
    playout.scraped(now, at)
    const snapshot = this.due(target, now, at)
    if (!snapshot || snapshot.failure !== null || !this.decode(snapshot)) return undefined
    playout.shown = Math.max(playout.shown, snapshot.offset)
    if (at !== undefined) playout.times.expose(snapshot, now.wall)
    this.options.onPlayed(playout.delay / 1000)
    if (!snapshot.exposed) {
      snapshot.exposed = true
      this.options.onDelay('expose', Math.max(0, now.wall - snapshot.appliedAt) / 1000)
    }
    return snapshot
  }

  /**
   * The snapshot that `/target` would expose now, possibly undecoded.
   *
   * @param at when the scrape began, Unix ms, with playout times; undefined without
   */
  due(target: Target, now: Instant, at?: number): Snapshot | undefined {
    return dueSnapshot(target, now.wall, at)
  }

  partitions(now: Instant): PartitionStatus[] {
    return [...this.#partitions.values()].map(partition => describePartition(partition, now))
  }

  describe(target: Target, now: Instant): TargetStatus {
    const partition = this.#partitions.get(target.partition)
    const played = this.due(target, now)
    return describeTarget(target, partition, this.judge(target, now), played, this.options, now)
  }

  /** As `decodeSteps`, at once. */
  decode(snapshot: Snapshot): boolean {
    return runNow(this.decodeSteps(snapshot))
  }

  /**
   * Decodes a snapshot that a replay left undecoded. If that fails, the snapshot is refused and
   * removed from its target.
   *
   * @param snapshot held by its target or by the caller until the last step
   * @returns whether the snapshot is decoded
   */
  decodeSteps(snapshot: Snapshot): Steps<boolean> {
    const partition = this.#partitions.get(snapshot.target.partition)
    return decodeOrRefuse(this.#parts, partition, snapshot)
  }

  /**
   * Removes silent targets, expired tombstones and old samples of the view `all`, and notifies
   * subscribers of state changes caused by time. To be called about once a second.
   */
  sweep(now: Instant): void {
    runNow(this.sweepSteps(now))
  }

  /** As `sweep`, in steps. Targets may be added and removed between steps. */
  *sweepSteps(now: Instant): Steps<void> {
    yield* this.history.sweepSteps(now)
    this.assemblies.sweep(now)
    const { source } = this.#parts
    let step = 0
    for (const target of this.targets()) {
      if (++step % SWEPT_PER_STEP === 0) yield
      const partition = this.#partitions.get(target.partition)
      // Its partition was dropped between two steps.
      if (partition?.targets.get(target.key) !== target) continue
      const reason = this.#pasts.isUnsettled(partition)
        ? undefined
        : leaveReasonOf(this.#parts, partition, target, now)
      if (source.active) source.notifyState(target, judge(target, partition, now, this.options))
      if (reason) yield* forgetSteps(this.#parts, partition, target, reason)
    }
    yield* this.releaseSteps()
  }

  /**
   * Notifies the subscriber of changes of this shard's targets from now on. It is notified of all
   * present targets synchronously: subscribe before there are many.
   *
   * @returns a function that ends the subscription
   */
  subscribe(subscriber: Subscriber, now: Instant): () => void {
    const { source } = this.#parts
    const first = !source.active
    for (const target of this.targets()) {
      const verdict = this.judge(target, now)
      // Without subscribers `notifiedState` was not maintained.
      if (first) target.notifiedState = verdict.state
      else source.notifyState(target, verdict)
      subscriber.onState(target, null, verdict)
    }
    source.add(subscriber)
    return () => source.remove(subscriber)
  }

  /**
   * Removes the targets whose keys belong to other partitions now that partitions were added. Their
   * publishers write to those as soon as they notice; records that they still write here are
   * refused.
   */
  #dropRepartitioned(mono: number): void {
    const { partitionCount, dropped } = this.#parts
    for (const { number, targets } of this.#partitions.values()) {
      const gone = new Partition(number, mono)
      for (const target of targets.values()) {
        if (target.hash % partitionCount === number) continue
        targets.delete(target.key)
        gone.targets.set(target.key, target)
      }
      this.#parts.targetCount -= gone.targets.size
      if (gone.targets.size > 0) dropped.add(gone)
    }
  }

  #drop(number: number): void {
    const partition = this.#partitions.get(number)
    if (!partition) return
    this.#pasts.discard(partition)
    this.#partitions.delete(number)
    this.#parts.targetCount -= partition.targets.size
    this.#parts.dropped.add(partition)
  }

  #advance(partition: Partition, next: number, highWatermark: number, now: Instant): void {
    const { loaded } = partition
    partition.advance(next, highWatermark, now.mono)
    if (!loaded && partition.loaded) this.history.endReplay(partition.number)
  }
}
