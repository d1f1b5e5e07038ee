import type { Clock } from '../../shared/base/clock.js'
import { Slice } from '../../shared/base/scheduling.js'
import { runInSlices } from '../../shared/base/steps.js'
import type { LogRecord, PartitionListener } from '../../shared/kafka/types.js'
import type { Shard } from '../core/shard.js'
import type { Changes } from './changes.js'
import type { Assignment } from './ownership.js'
import { ReadBack, type ReadBackOptions, type ReadBackProgress } from './read-back.js'

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
  /** So many records from before a replay were read. */
  onPastRecords(count: number): void
}

/** Applies events of the group consumer to the shard, in slices that leave the event loop free. */
export class Feed implements PartitionListener, Assignment {
  #current: Assignment['current']
  /** A unique object for each uninterrupted ownership of a partition. */
  readonly #tenures = new Map<number, object>()
  /** Monotonic ms of assignment, of the partitions that are being replayed. */
  readonly #assignedAt = new Map<number, number>()
  #sweeping = false
  /** Null if the replay window covers all targets. */
  readonly #readBack: ReadBack | null

  constructor(
    private readonly options: {
      readonly shard: Shard
      readonly clock: Clock
      readonly changes: Changes
      readonly events: FeedEvents
      readonly readBack: Pick<ReadBackOptions, 'spans' | 'forgetMs' | 'logger'> | null
    },
  ) {
    const { shard, clock, changes, events, readBack } = options
    this.#readBack =
      readBack &&
      new ReadBack({
        ...readBack,
        shard,
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
    return this.#readBack?.complete(partition) ?? true
  }

  /** Progress of reading the log before the replays; undefined if all of it was read. */
  get readBackProgress(): ReadBackProgress | undefined {
    return this.#readBack?.progress
  }

  onAssignment(assignment: Parameters<PartitionListener['onAssignment']>[0]): void {
    const { shard, clock, changes, events } = this.options
    const now = clock.now()
    shard.assign(assignment, now)
    for (const partition of [...assignment.lost, ...assignment.fresh])
      this.#readBack?.cancel(partition)
    for (const partition of assignment.lost) {
      this.#tenures.delete(partition)
      this.#assignedAt.delete(partition)
    }
    for (const partition of assignment.fresh) {
      this.#tenures.set(partition, {})
      this.#assignedAt.set(partition, now.mono)
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
    // Unset if the log was replaced while the partition was owned: held requests need a
    // notification then too.
    if (!this.#assignedAt.has(partition)) this.#assignedAt.set(partition, now.mono)
    this.#readBack?.expect(partition, from)
    this.#reportReplayed(partition)
  }

  onRebalancing(): void {
    const { events } = this.options
    this.#current = undefined
    events.onGroupChange()
  }

  async onRecords(partition: number, records: readonly LogRecord[]): Promise<void> {
    const { shard, clock } = this.options
    const tenure = this.#tenures.get(partition)
    const slice = new Slice(undefined, () => clock.now().mono)
    let now = clock.now()
    for (const record of records) {
      shard.apply(partition, record, now)
      now = clock.now()
      if (!slice.isOver(now.mono)) continue
      await slice.next()
      // The partition may have been lost, or lost and assigned again, in between.
      if (this.#tenures.get(partition) !== tenure) return
      now = clock.now()
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
    this.#readBack?.start(partition)
    changes.notify()
  }
}
