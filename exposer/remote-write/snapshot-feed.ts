import { asError } from '../../shared/base/as-error.js'
import type { Clock, Instant } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { Slice } from '../../shared/base/scheduling.js'
import { runInSlices } from '../../shared/base/steps.js'
import type { LogRecord, PartitionListener } from '../../shared/kafka/types.js'
import { BlockItem } from '../../shared/remote-write/block-item.js'
import type { WriteFigures } from '../../shared/remote-write/figures.js'
import type { QueueManager } from '../../shared/remote-write/manager.js'
import type { Shard } from '../core/shard.js'
import type { LeaveReason, Subscriber } from '../core/source.js'
import type { Snapshot } from '../core/store/snapshot.js'
import type { Store } from '../core/store/store.js'
import type { Target } from '../core/target.js'
import { ReadBack, type ReadBackOptions } from '../group/read-back.js'
import { Reads } from '../group/reads.js'
import { type BlockContext, blocksOf } from './blocks.js'
import { DueHeap } from './due-heap.js'
import { type Emission, Emissions } from './emissions.js'
import type { Position } from './progress.js'
import { noteLoss, SentPartition, settled } from './sent-partition.js'
import { SentTimes } from './sent-times.js'
import type { CommittedStart } from './start.js'
import { type Emitter, Timeline } from './timeline.js'

export interface SnapshotFeedOptions {
  readonly shard: Shard
  readonly clock: Clock
  readonly logger: Logger
  readonly queue: QueueManager
  readonly figures: WriteFigures
  readonly start: CommittedStart
  readonly blocks: BlockContext
  /** Whether samples have the playout time instead of the collection time. */
  readonly playout: boolean
  readonly readBack: Pick<ReadBackOptions, 'spans' | 'forgetMs'> | null
  commit(partition: number, offset: number, metadata: string): void
  /** The offset that the brokers have committed; −1 without one. */
  committed(partition: number): number
}

/** A target as the receiver knows it. */
interface Entry {
  readonly target: Target
  readonly timeline: Timeline
  readonly sentTimes: SentTimes
  /** Time at which it is in the heap; Infinity if it is not. */
  heapAt: number
}

/** A partition whose snapshots are sent. */
class Feed extends SentPartition {
  readonly entries = new Map<string, Entry>()
  readonly due = new DueHeap<Entry>()
  readonly emissions: Emissions
  /** Log time up to which everything due was sent before the assignment. */
  sentUntil = Number.NEGATIVE_INFINITY
  isLoaded = false
  /** Work on the partition, one after the other. */
  work: Promise<void> = Promise.resolve()

  constructor(partition: number, store: Store) {
    super(partition)
    this.emissions = new Emissions(store)
  }

  override lose(): void {
    super.lose()
    for (const emission of this.emissions.take()) this.emissions.release(emission)
    for (const { timeline } of this.entries.values()) timeline.drop()
    this.entries.clear()
  }
}

const SILENT: Emitter = { snapshot() {}, left() {}, down() {}, reportLeft() {} }
const COMMIT_MS = 1000
/** Interval in which samples that are due without a record are sent, ms. */
const TICK_MS = 500
const UNTIMED_BYTES = 4 * 1024

/**
 * Sends the snapshots of the partitions that it is assigned to one receiver: the listener of that
 * receiver's group. It has a shard of its own, which knows the states of the targets.
 *
 * Ordering: the samples of a target are queued in the order of the log. Reading waits while the
 * queue has no room, so that memory is bounded whatever the receiver does.
 *
 * Commits: the offset below which all samples were stored, or refused for good. A start reads the
 * log before it for the states, without sending.
 */
export class SnapshotFeed implements PartitionListener, Subscriber {
  readonly #feeds = new Map<number, Feed>()
  readonly #reads: Reads
  readonly #readBack: ReadBack | null
  readonly #slice: Slice
  readonly #unsubscribe: () => void
  #partitionCount = 0
  #timers: NodeJS.Timeout[] = []
  #sweeping = false
  #stopped = false

  constructor(private readonly options: SnapshotFeedOptions) {
    const { shard, clock, readBack, logger } = options
    this.#reads = new Reads(shard)
    this.#slice = new Slice(undefined, () => clock.now().mono)
    this.#unsubscribe = shard.subscribe(this, clock.now())
    this.#readBack =
      readBack &&
      new ReadBack({
        ...readBack,
        shard,
        reads: this.#reads,
        clock,
        logger,
        events: { onRecords() {}, onReadBack: partition => this.#beginLater(partition) },
      })
  }

  start(): void {
    this.#timers = [
      setInterval(() => void this.#tick(), TICK_MS),
      setInterval(() => this.#commit(), COMMIT_MS),
    ]
  }

  /** Targets that are known. */
  get targets(): number {
    return this.options.shard.targetCount
  }

  /** Partitions of which sending has begun. */
  get partitions(): number {
    return [...this.#feeds.values()].filter(({ progress }) => progress).length
  }

  /**
   * Seconds by which sending the partitions is behind their ends, at most. While reading waits for
   * the receiver nothing is fetched, and the end of the log is unknown.
   */
  lagSeconds(now: Instant): number {
    let lag = 0
    for (const feed of this.#feeds.values()) lag = Math.max(lag, feed.ageSeconds(now.wall))
    for (const { lagSeconds } of this.options.shard.partitions(now)) lag = Math.max(lag, lagSeconds)
    return lag
  }

  /** Nothing is sent or committed afterwards. */
  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
    this.#unsubscribe()
    for (const feed of [...this.#feeds.values()]) this.#lose(feed)
  }

  onAssignment(assignment: Parameters<PartitionListener['onAssignment']>[0]): void {
    const { shard, clock } = this.options
    this.#partitionCount = assignment.partitionCount
    for (const frozen of shard.assign(assignment, clock.now())) shard.expire(frozen)
    void runInSlices(shard.releaseSteps())
    for (const partition of [...assignment.lost, ...assignment.fresh]) {
      this.#readBack?.cancel(partition)
      const feed = this.#feeds.get(partition)
      if (feed) this.#lose(feed)
    }
    for (const partition of assignment.fresh)
      this.#feeds.set(partition, new Feed(partition, shard.store))
    for (const partition of assignment.kept) this.#feeds.get(partition)?.resume()
    this.#flush()
  }

  onReplay(partition: number, from: number, until: number): void {
    const { shard, clock, start } = this.options
    const now = clock.now()
    let feed = this.#feeds.get(partition)
    if (!feed) return
    const position = start.consume(partition)
    if (feed.progress) {
      // The log was replaced: all of it is new.
      this.#readBack?.cancel(partition)
      this.#lose(feed)
      feed = new Feed(partition, shard.store)
      this.#feeds.set(partition, feed)
    }
    const lost = feed.locate(position, { from, until, wall: now.wall })
    noteLoss(this.options, partition, lost)
    shard.replay(partition, from, feed.sendFrom, now)
    this.#readBack?.expect(partition, from)
    this.#loadLater(feed)
    if (position === null) this.#commitOf(feed)
  }

  onRebalancing(): void {}

  /** Sends and commits what is in flight. */
  async onRevoking(partitions: readonly number[]): Promise<void> {
    const feeds = partitions.flatMap(partition => this.#feeds.get(partition) ?? [])
    for (const feed of feeds) feed.pause()
    this.#flush()
    await settled(feeds, () => this.#stopped)
    this.#commit()
  }

  async onRecords(partition: number, records: readonly LogRecord[]): Promise<void> {
    const feed = this.#feeds.get(partition)
    if (feed) await this.#exclusively(feed, () => this.#apply(feed, records))
  }

  onFetched(partition: number, next: number, highWatermark: number, mono: number): void {
    const { shard, clock } = this.options
    shard.fetched(partition, next, highWatermark, { wall: clock.now().wall, mono })
    const feed = this.#feeds.get(partition)
    if (feed) this.#loadLater(feed)
  }

  onFetchError(_error: Error, partitions: readonly number[]): void {
    this.options.shard.fetchFailed(partitions, this.options.clock.now())
  }

  onState(): void {}

  onApplied(snapshot: Snapshot): void {
    const { target, collectedAt } = snapshot
    const feed = this.#feeds.get(target.partition)
    if (!feed) return
    const entry = this.#entryOf(feed, target)
    const { timeline } = entry
    const time = this.options.playout
      ? Math.max(timeline.lastTime + 1, collectedAt + Math.round(target.playout.delay))
      : collectedAt
    timeline.applied(snapshot, time, target.arrivedAt, feed.emissions.of(target))
    this.#enqueue(feed, entry)
  }

  onUnreadable(): void {}

  onLeft(target: Target, reason: LeaveReason): void {
    const feed = this.#feeds.get(target.partition)
    const entry = feed?.entries.get(target.key)
    if (!feed || entry?.target !== target) return
    if (reason !== 'moved')
      entry.timeline.forgotten(
        this.options.shard.logTime(target.partition),
        feed.emissions.of(target),
      )
    entry.timeline.drop()
    feed.entries.delete(target.key)
  }

  async #apply(feed: Feed, records: readonly LogRecord[]): Promise<void> {
    const { shard, clock } = this.options
    const { partition } = feed
    const slice = this.#slice
    let bytes = 0
    for (const record of records) {
      if (feed.isPaused) await feed.resumed
      if (feed.isLost) return
      if (!feed.isLoaded && record.offset >= feed.sendFrom) {
        // The replay ends with the record before, not with the fetch.
        shard.fetched(partition, record.offset, record.offset + 1, clock.now())
        await this.#load(feed)
      }
      if (feed.isLoaded) await this.#sendDue(feed, record.timestamp)
      let unread = shard.tryApply(partition, record, clock.now())
      while (unread) {
        const reading = await this.#reads.read(unread)
        if (feed.isLost) return
        unread = shard.tryApply(partition, record, clock.now(), reading)
      }
      const position = { offset: record.offset, time: record.timestamp }
      if (!feed.emissions.isEmpty) await this.#send(feed, position)
      if (feed.isLost) return
      feed.progress?.read({ offset: record.offset + 1, time: record.timestamp })
      bytes += record.value?.length ?? 0
      if (bytes < UNTIMED_BYTES) continue
      bytes = 0
      if (slice.isOver()) await slice.next()
    }
  }

  #loadLater(feed: Feed): void {
    if (!feed.isLoaded && this.options.shard.loaded(feed.partition))
      void this.#exclusively(feed, () => this.#load(feed))
  }

  /** The replay is complete: continues with what the receiver was told before. */
  async #load(feed: Feed): Promise<void> {
    const { shard } = this.options
    const { partition } = feed
    if (feed.isLoaded || !feed.progress || !shard.loaded(partition)) return
    feed.sentUntil = shard.logTime(partition)
    await this.#begin(feed)
    feed.isLoaded = true
    this.#readBack?.start(partition)
  }

  /** The log before the replay was read. */
  #beginLater(partition: number): void {
    const feed = this.#feeds.get(partition)
    if (feed) void this.#exclusively(feed, () => this.#begin(feed))
  }

  /** Continues with targets that are not known yet, of a replay or from before it. */
  async #begin(feed: Feed): Promise<void> {
    const { shard, playout } = this.options
    const slice = new Slice()
    for (const target of shard.targetsOf(feed.partition)) {
      if (slice.isOver()) await slice.next()
      if (feed.isLost) return
      const { newest } = target
      if (!newest || feed.entries.has(target.key)) continue
      const entry = this.#entryOf(feed, target)
      const { timeline } = entry
      const delay = playout ? Math.round(target.playout.delay) : 0
      timeline.resume(newest, newest.collectedAt + delay, target.arrivedAt)
      const isSilent = () => shard.isStaleAt(target, feed.sentUntil)
      while (timeline.due(feed.sentUntil, isSilent(), SILENT));
      this.#enqueue(feed, entry)
    }
  }

  #entryOf(feed: Feed, target: Target): Entry {
    const known = feed.entries.get(target.key)
    if (known?.target === target) return known
    known?.timeline.drop()
    const { shard } = this.options
    const entry = {
      target,
      timeline: new Timeline(shard.store, shard.options.staleAfterIntervals),
      sentTimes: new SentTimes(),
      heapAt: Number.POSITIVE_INFINITY,
    }
    feed.entries.set(target.key, entry)
    return entry
  }

  #enqueue(feed: Feed, entry: Entry): void {
    const { dueAt } = entry.timeline
    if (dueAt >= entry.heapAt) return
    entry.heapAt = dueAt
    feed.due.add(dueAt, entry)
  }

  /** Sends what is due at that log time, before any later record. */
  async #sendDue(feed: Feed, logTime: number): Promise<void> {
    const { shard } = this.options
    for (let next = feed.due.next(logTime); next; next = feed.due.next(logTime)) {
      const { at, value: entry } = next
      if (at !== entry.heapAt) continue
      entry.heapAt = Number.POSITIVE_INFINITY
      const { target, timeline } = entry
      if (feed.entries.get(target.key) !== entry) continue
      if (timeline.dueAt <= logTime) {
        const isSilent = shard.isStaleAt(target, logTime)
        timeline.due(logTime, isSilent, feed.emissions.of(target))
      }
      this.#enqueue(feed, entry)
      if (feed.emissions.isEmpty) continue
      await this.#send(feed, feed.lastRead)
      if (feed.isLost) return
    }
  }

  async #send(feed: Feed, position: Position): Promise<void> {
    const emissions = feed.emissions.take()
    for (const [i, emission] of emissions.entries()) {
      const entry = feed.entries.get(emission.target.key)
      const sentTimes = entry?.sentTimes ?? new SentTimes()
      const blocks = await blocksOf(emission, this.options.blocks, sentTimes)
      if (feed.isLost || blocks.length === 0) {
        feed.emissions.release(emission)
        if (!feed.isLost) continue
        for (const rest of emissions.slice(i + 1)) feed.emissions.release(rest)
        return
      }
      await this.#queue(feed, emission, blocks, position)
    }
  }

  async #queue(
    feed: Feed,
    emission: Emission,
    blocks: ReturnType<typeof blocksOf> extends Promise<infer B> ? B : never,
    position: Position,
  ): Promise<void> {
    const { queue, committed } = this.options
    const { target } = emission
    if (!feed.hasBegun) await feed.begun(() => committed(feed.partition))
    const settled = feed.progress!.add(position, this.options.clock.now().wall)
    const item = new BlockItem({
      target: target.key,
      hash: target.hash,
      blocks,
      dueAt: emission.kind === 'snapshot' ? emission.snapshot.collectedAt : emission.time,
      isRepeat: position.offset < feed.repeatsBelow,
      isCancelled: () => feed.isLost,
      onSettled: () => {
        settled()
        feed.emissions.release(emission)
      },
    })
    if (!queue.hasRoom(item)) await queue.room(item)
    queue.push(item)
  }

  /** Sends what is due without records, while nothing else is done with the partition. */
  async #tick(): Promise<void> {
    const { shard, clock } = this.options
    for (const [partition, feed] of this.#feeds) {
      if (!feed.isLoaded || feed.isLost || feed.isPaused) continue
      void this.#exclusively(feed, () => this.#sendDue(feed, shard.logTime(partition)))
    }
    if (this.#sweeping) return
    this.#sweeping = true
    try {
      await runInSlices(shard.sweepSteps(clock.now()))
      for (const feed of this.#feeds.values())
        if (!feed.emissions.isEmpty)
          void this.#exclusively(feed, () => this.#send(feed, feed.lastRead))
    } finally {
      this.#sweeping = false
    }
  }

  #exclusively(feed: Feed, work: () => Promise<void>): Promise<void> {
    feed.work = feed.work
      .then(() => (feed.isLost ? undefined : work()))
      .catch(error => {
        const { message, stack } = asError(error)
        this.options.logger.error('Sending a partition failed', { error: message, stack })
      })
    return feed.work
  }

  #commit(): void {
    for (const feed of this.#feeds.values()) if (feed.isLoaded) this.#commitOf(feed)
  }

  #commitOf(feed: Feed): void {
    const commit = feed.commit(this.#partitionCount)
    if (commit) this.options.commit(feed.partition, commit.offset, commit.metadata)
  }

  #lose(feed: Feed): void {
    feed.lose()
    if (this.#feeds.get(feed.partition) === feed) this.#feeds.delete(feed.partition)
  }

  /** While partitions are given up, nothing waits for a full request. */
  #flush(): void {
    const isGiven = [...this.#feeds.values()].some(({ isPaused }) => isPaused)
    this.options.queue.flush(this, isGiven)
  }
}
