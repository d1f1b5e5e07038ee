import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../shared/base/clock.js'
import { Slice } from '../../shared/base/scheduling.js'
import { runInSlices } from '../../shared/base/steps.js'
import type { LogRecord, PartitionListener } from '../../shared/kafka/types.js'
import type { UnreadContent } from '../core/apply.js'
import type { Shard } from '../core/shard.js'
import type { Changes } from './changes.js'
import type { FetchHandover, Handovers } from './handovers.js'
import { decodeMember } from './map.js'
import type { Assignment } from './ownership.js'
import { ReadBack, type ReadBackOptions, type ReadBackProgress } from './read-back.js'
import { Reads } from './reads.js'
import { Takeovers } from './takeovers.js'

export interface FeedEvents {
  /** Ownership may have changed: a cached map of the group is no longer valid. */
  onGroupChange(): void
  onRebalance(): void
  /** The replay of a partition is complete; `seconds` since its assignment. */
  onReplayed(partition: number, seconds: number): void
  /** A fetch was answered. */
  onFetchAnswered(): void
  /** The log before the replay was read, in `seconds` since the end of the replay. */
  onReadBack(partition: number, seconds: number): void
  /** A partition was taken over from a living shard. @param error why its state was not received */
  onHandover(partition: number, error?: Error): void
  /** So many records from before a replay were read. */
  onPastRecords(count: number): void
}

/** Time for responses in progress to complete before partitions are given up. */
const DRAIN_MS = 500
const POLL_MS = 20
/** Records of so many bytes have one time: they take some tens of microseconds. */
const UNTIMED_BYTES = 4 * 1024

/** Applies events of the group consumer to the shard, in slices that leave the event loop free. */
export class Feed implements PartitionListener, Assignment {
  #current: Assignment['current']
  /** A unique object for each uninterrupted ownership of a partition. */
  readonly #tenures = new Map<number, object>()
  /** Partitions that are about to be given up. */
  #revoking: ReadonlySet<number> = new Set()
  /** Monotonic ms of assignment, of the partitions that are being replayed. */
  readonly #assignedAt = new Map<number, number>()
  readonly #takeovers: Takeovers
  /** Partitions whose replay has begun. */
  readonly #located = new Set<number>()
  #sweeping = false
  /** Null if the replay window covers all targets. */
  readonly #readBack: ReadBack | null
  readonly #reads: Reads
  /** The slice of all partitions, whose records share the turns of the event loop. */
  readonly #slice: Slice
  /** Number of calls of `onRecords` in progress. */
  #delivering = 0

  constructor(
    private readonly options: {
      readonly shard: Shard
      readonly clock: Clock
      readonly changes: Changes
      /** Whether no response is in progress. */
      readonly isDrained: () => boolean
      readonly events: FeedEvents
      readonly readBack: Pick<ReadBackOptions, 'spans' | 'forgetMs' | 'logger'> | null
      readonly handovers: Handovers
      readonly fetchHandover: FetchHandover
    },
  ) {
    this.#slice = new Slice(undefined, () => options.clock.now().mono)
    const { shard, clock, changes, events, readBack, fetchHandover } = options
    this.#reads = new Reads(shard)
    this.#takeovers = new Takeovers({
      shard,
      clock,
      fetch: fetchHandover,
      events: {
        onHandover: (partition, error) => events.onHandover(partition, error),
        onSettled: (partition, complete) => {
          if (complete) this.#readBack?.cancel(partition)
          else this.#readBack?.start(partition)
          changes.notify()
        },
      },
    })
    this.#readBack =
      readBack &&
      new ReadBack({
        ...readBack,
        shard,
        reads: this.#reads,
        clock,
        events: {
          onRecords: count => events.onPastRecords(count),
          onReadBack: (partition, seconds) => {
            events.onReadBack(partition, seconds)
            changes.notify()
          },
        },
      })
  }

  get current(): Assignment['current'] {
    return this.#current
  }

  loaded(partition: number): boolean {
    return this.options.shard.loaded(partition)
  }

  complete(partition: number): boolean {
    return !this.#takeovers.has(partition) && (this.#readBack?.complete(partition) ?? true)
  }

  /** Progress of reading the log before the replays; undefined if all of it was read. */
  get readBackProgress(): ReadBackProgress | undefined {
    return this.#readBack?.progress
  }

  revoking(partition: number): boolean {
    return this.#revoking.has(partition)
  }

  tenure(partition: number): object | undefined {
    return this.#tenures.get(partition)
  }

  onAssignment(assignment: Parameters<PartitionListener['onAssignment']>[0]): void {
    const { shard, clock, changes, events, handovers } = this.options
    const now = clock.now()
    this.#revoking = new Set()
    handovers.offer(shard.assign(assignment, now, p => this.complete(p)))
    for (const partition of [...assignment.lost, ...assignment.fresh]) {
      this.#readBack?.cancel(partition)
      this.#takeovers.cancel(partition)
      this.#located.delete(partition)
    }
    void runInSlices(shard.releaseSteps())
    for (const partition of assignment.lost) {
      this.#tenures.delete(partition)
      this.#assignedAt.delete(partition)
    }
    for (const partition of assignment.fresh) {
      this.#tenures.set(partition, {})
      this.#assignedAt.set(partition, now.mono)
      const previous = assignment.previous.get(partition)
      if (previous)
        this.#takeovers.begin(partition, decodeMember(previous), assignment.partitionCount)
    }
    this.#current = {
      partitionCount: assignment.partitionCount,
      partitions: new Set([...assignment.kept, ...assignment.fresh]),
    }
    events.onRebalance()
    events.onGroupChange()
    changes.notify()
  }

  onReplay(partition: number, from: number, until: number): void {
    const { shard, clock } = this.options
    const now = clock.now()
    shard.replay(partition, from, until, now)
    void runInSlices(shard.releaseSteps())
    // Unset if the log was replaced while the partition was owned: held requests need a
    // notification then too.
    if (!this.#assignedAt.has(partition)) this.#assignedAt.set(partition, now.mono)
    this.#readBack?.expect(partition, from)
    // The positions of the previous owner are those of the log that was replaced.
    if (this.#located.has(partition)) this.#takeovers.cancel(partition)
    this.#located.add(partition)
    this.#reportReplayed(partition)
  }

  onRebalancing(): void {
    this.options.events.onGroupChange()
  }

  /** Holds new requests for these partitions, and lets responses in progress complete. */
  async onRevoking(partitions: readonly number[]): Promise<void> {
    const { clock, isDrained } = this.options
    this.#revoking = new Set(partitions)
    const deadline = clock.now().mono + DRAIN_MS
    while (!isDrained() && clock.now().mono < deadline) await delay(POLL_MS)
  }

  async onRecords(partition: number, records: readonly LogRecord[]): Promise<void> {
    const { shard, clock } = this.options
    const tenure = this.#tenures.get(partition)
    // The partition may be lost, or lost and assigned again, while this yields.
    const isCurrent = () => this.#tenures.get(partition) === tenure
    const ready = this.#takeovers.ready(partition)
    if (ready) {
      await ready
      if (!isCurrent()) return
    }
    const slice = this.#slice
    if (this.#delivering++ === 0) slice.restart()
    try {
      let now = clock.now()
      let bytes = 0
      for (const record of records) {
        const unread = shard.tryApply(partition, record, now)
        if (unread) {
          await this.#applyUnread(partition, record, unread, isCurrent)
          if (!isCurrent()) return
        }
        bytes += record.value?.length ?? 0
        if (!unread && bytes < UNTIMED_BYTES) continue
        bytes = 0
        now = clock.now()
        if (!slice.isOver(now.mono)) continue
        await slice.next()
        if (!isCurrent()) return
        now = clock.now()
      }
    } finally {
      this.#delivering--
    }
  }

  /**
   * Applies a record whose layout is not known, or whose body is long. Reading it may take hundreds
   * of milliseconds, in slices; meanwhile the other partitions go on.
   */
  async #applyUnread(
    partition: number,
    record: LogRecord,
    first: UnreadContent,
    isCurrent: () => boolean,
  ): Promise<void> {
    const { shard, clock } = this.options
    let unread: UnreadContent | null = first
    while (unread) {
      const reading = await this.#reads.read(unread)
      if (!isCurrent()) return
      unread = shard.tryApply(partition, record, clock.now(), reading)
    }
  }

  /** Sweeps the shard, in slices. Does nothing while another sweep is running. */
  async sweep(): Promise<void> {
    if (this.#sweeping) return
    this.#sweeping = true
    try {
      await runInSlices(this.options.shard.sweepSteps(this.options.clock.now()))
    } finally {
      this.#sweeping = false
    }
  }

  onFetched(partition: number, next: number, highWatermark: number, mono: number): void {
    const { shard, clock } = this.options
    shard.fetched(partition, next, highWatermark, { wall: clock.now().wall, mono })
    this.#reportReplayed(partition)
    this.options.events.onFetchAnswered()
  }

  onFetchError(_error: Error, partitions: readonly number[]): void {
    this.options.shard.fetchFailed(partitions, this.options.clock.now())
  }

  #reportReplayed(partition: number): void {
    const { shard, clock, changes, events } = this.options
    const assignedAt = this.#assignedAt.get(partition)
    if (assignedAt === undefined || !shard.loaded(partition)) return
    this.#assignedAt.delete(partition)
    events.onReplayed(partition, (clock.now().mono - assignedAt) / 1000)
    if (this.#takeovers.has(partition)) void this.#takeovers.settle(partition)
    else this.#readBack?.start(partition)
    changes.notify()
  }
}
