import type { Instant } from '../../shared/base/clock.js'
import type { Steps } from '../../shared/base/steps.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { SnapshotReader } from '../../shared/snapshot/read.js'
import { applyRecord } from './apply.js'
import { bookReleased, retire } from './booking.js'
import { Counters } from './counters.js'
import { forget, overFor } from './forget.js'
import { History } from './history/history.js'
import { judge, judgePartition, type Verdict } from './judge.js'
import { Ledger } from './ledger.js'
import { DEFAULT_OPTIONS, type ShardOptions } from './options.js'
import { Partition } from './partition.js'
import { playedAt } from './playout/held.js'
import { REPORT_NAMES } from './render/massive/report.js'
import { SeriesShown } from './render/massive/series-added.js'
import type { ShardParts } from './shard-parts.js'
import { Source, type Subscriber } from './source.js'
import { describePartition, describeTarget, type PartitionStatus, type TargetStatus } from './status.js'
import type { Snapshot } from './store/snapshot.js'
import { Store } from './store/store.js'
import type { Target } from './target.js'

/** Targets between two steps of a sweep: some tenths of a millisecond. */
const SWEPT_PER_STEP = 1000

export interface Assignment {
  readonly epoch: number
  readonly partitionCount: number
  readonly kept: readonly number[]
  readonly fresh: readonly number[]
  readonly lost: readonly number[]
}

/**
 * All that one shard knows: its partitions, their targets, and what each of them may be told. Pure: it is fed records and
 * handed time, and does no IO. Whether it may serve at all (the lease) is its shell's to know.
 */
export class Shard {
  readonly options: ShardOptions
  readonly counters = new Counters()
  readonly ledger = new Ledger()
  /** Everything held of targets; who reads a snapshot acquires it there. */
  readonly store: Store
  /** What waits for scrapers that want every snapshot. */
  readonly history: History
  readonly seriesShown: SeriesShown
  readonly #targets = new Map<string, Target>()
  readonly #partitions = new Map<number, Partition>()
  readonly #parts: ShardParts & { partitionCount: number }

  constructor(options: Partial<ShardOptions> = {}) {
    this.options = { ...DEFAULT_OPTIONS, ...options }
    const { limits, layoutBytes } = this.options
    this.store = new Store({ limits, layoutBytes, reserved: REPORT_NAMES, onReleased: bookReleased })
    this.seriesShown = new SeriesShown(this.store, this.options.maxScrapers)
    this.history = new History(
      {
        maxAgeMs: this.options.historyMaxAgeMs,
        maxBytes: this.options.historyBytes,
        maxScrapers: this.options.maxScrapers,
      },
      this.store,
    )
    this.#parts = {
      options: this.options,
      counters: this.counters,
      ledger: this.ledger,
      reader: new SnapshotReader(limits),
      partitionCount: 0,
      targets: this.#targets,
      store: this.store,
      history: this.history,
      source: new Source(this.store),
    }
  }

  assign(assignment: Assignment, now: Instant): void {
    this.#parts.partitionCount = assignment.partitionCount
    for (const number of assignment.lost) this.#drop(number)
    for (const number of assignment.fresh) {
      this.#drop(number)
      this.#partitions.set(number, new Partition(number, now.mono))
    }
  }

  /** Where a fresh partition begins. When nothing is to be read it is loaded at once. */
  replay(number: number, from: number, until: number, now: Instant): void {
    let partition = this.#partitions.get(number)
    if (!partition) return
    if (partition.position >= 0) {
      // Its log was replaced by a shorter one: what we know of it is of another log.
      this.#drop(number)
      partition = new Partition(number, now.mono)
      this.#partitions.set(number, partition)
    }
    partition.replayUntil = until
    partition.advance(from, until, now.mono)
  }

  /** Applies one record. Never throws: what breaks a rule is refused whole, counted and reported. */
  apply(number: number, record: LogRecord, now: Instant): void {
    const partition = this.#partitions.get(number)
    if (!partition) return
    try {
      applyRecord(this.#parts, partition, record, now)
    } catch (error) {
      this.#refuse(error as Error, number, record.offset)
      // What was appended is time that passed in the log, whatever it says.
      partition.clock.consumed(record.timestamp, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY)
    }
    partition.position = record.offset + 1
    const { source } = this.#parts
    if (source.noted) {
      source.tellNoted(target => (this.#targets.has(target.key) ? this.judge(target, now) : undefined))
    }
  }

  /** A fetch was answered and its records were applied. */
  fetched(number: number, next: number, highWatermark: number, now: Instant): void {
    const partition = this.#partitions.get(number)
    if (!partition) return
    partition.fetchedAt = now.mono
    partition.failingSince = Number.NaN
    partition.advance(next, highWatermark, now.mono)
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

  /** Whether all that was in the partition when it was assigned has been applied. */
  loaded(number: number): boolean {
    return this.#partitions.get(number)?.loaded ?? false
  }

  find(key: string): Target | undefined {
    return this.#targets.get(key)
  }

  targets(): IterableIterator<Target> {
    return this.#targets.values()
  }

  get targetCount(): number {
    return this.#targets.size
  }

  judge(target: Target, now: Instant): Verdict {
    const partition = this.#partitions.get(target.partition)
    if (!partition) return { state: 'replaying', reason: `partition ${target.partition} is not this shard's` }
    return judge(target, partition, now, this.options)
  }

  /** Why nothing of this shard can be trusted now, if so: it is blind, or too far behind. */
  trouble(now: Instant): string | undefined {
    for (const partition of this.#partitions.values()) {
      const verdict = judgePartition(partition, now, this.options)
      if (verdict) return verdict.reason
    }
    return undefined
  }

  /** What `/target` renders, decoded, to be acquired; undefined before the first snapshot is whole, and for a failed collection. */
  played(target: Target, now: Instant): Snapshot | undefined {
    target.playout.scraped(now)
    const snapshot = this.#due(target, now)
    if (!snapshot || snapshot.failure !== null || !this.decode(snapshot)) return undefined
    this.options.onPlayed(target.playout.delay / 1000)
    if (!snapshot.served) {
      snapshot.served = true
      this.options.onDelay('expose', Math.max(0, now.wall - snapshot.appliedAt) / 1000)
    }
    return snapshot
  }

  partitions(now: Instant): PartitionStatus[] {
    return [...this.#partitions.values()].map(partition => describePartition(partition, now))
  }

  describe(target: Target, now: Instant): TargetStatus {
    const partition = this.#partitions.get(target.partition)
    const played = this.#due(target, now)
    return describeTarget(target, partition, this.judge(target, now), played, now)
  }

  /**
   * Decodes what the replay left as bytes. False when that fails: the snapshot is refused now, and its target's no longer.
   *
   * @param snapshot held by its target or by the caller
   */
  decode(snapshot: Snapshot): boolean {
    try {
      this.store.decode(snapshot)
      return true
    } catch (error) {
      const { snapshots, partition } = snapshot.target
      const at = snapshots.indexOf(snapshot)
      // Another response has found it out, or its target has a newer one.
      if (at < 0) return false
      retire(this.store, snapshots.splice(at, 1), 'refused_schema')
      this.#refuse(error as Error, partition, -1)
      return false
    }
  }

  /**
   * Forgets who was not heard of for long, whose tombstone is over, and what waits too long for scrapers; tells subscribers what
   * time has changed. To be called now and then.
   */
  sweep(now: Instant): void {
    const steps = this.sweepSteps(now)
    while (!steps.next().done);
  }

  /** As `sweep`, in steps; targets may come and go meanwhile. */
  *sweepSteps(now: Instant): Steps<void> {
    this.history.sweep(now)
    const { source } = this.#parts
    let step = 0
    for (const target of this.#targets.values()) {
      if (++step % SWEPT_PER_STEP === 0) yield
      const partition = this.#partitions.get(target.partition)
      if (!partition) continue
      const reason = overFor(this.#parts, partition, target, now)
      if (source.active) source.tellState(target, judge(target, partition, now, this.options))
      if (reason) forget(this.#parts, partition, target, reason)
    }
  }

  /**
   * From now on the subscriber is told what happens to this shard's targets: at once of those that are there, so better before
   * there are many.
   *
   * @returns ends it
   */
  subscribe(subscriber: Subscriber, now: Instant): () => void {
    const { source } = this.#parts
    const first = !source.active
    for (const target of this.#targets.values()) {
      const verdict = this.judge(target, now)
      // Nobody was told of it while there were no subscribers.
      if (first) target.told = verdict.state
      else source.tellState(target, verdict)
      subscriber.onState(target, null, verdict)
    }
    source.add(subscriber)
    return () => source.remove(subscriber)
  }

  #refuse(error: Error, partition: number, offset: number): void {
    const reason = error instanceof RefusedError ? error.reason : 'schema'
    this.counters.refuse(reason)
    this.options.onRefused({ reason, partition, offset, message: error.message })
  }

  #due(target: Target, now: Instant): Snapshot | undefined {
    return target.snapshots[playedAt(target.snapshots, now.wall, target.playout.delay)]
  }

  #drop(number: number): void {
    const partition = this.#partitions.get(number)
    if (!partition) return
    for (const target of partition.targets) forget(this.#parts, partition, target, 'moved')
    this.#partitions.delete(number)
  }
}
