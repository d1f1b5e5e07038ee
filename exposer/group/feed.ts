import type { Clock } from '../../shared/base/clock.js'
import { Slice } from '../../shared/base/scheduling.js'
import { runInSlices } from '../../shared/base/steps.js'
import type { LogRecord, PartitionListener } from '../../shared/kafka/types.js'
import type { Shard } from '../core/shard.js'
import type { Changes } from './changes.js'
import type { Assignment } from './ownership.js'

export interface FeedEvents {
  /** Ownership may have changed: nothing that was read of the group holds any more. */
  onGroupChange(): void
  onRebalance(): void
  /** A partition has been replayed; seconds since it was assigned. */
  onReplayed(partition: number, seconds: number): void
  /** The brokers answer. */
  onAnswer(): void
}

/**
 * What arrives from Kafka, handed to the shard with the time, in slices that leave the event loop free.
 */
export class Feed implements PartitionListener, Assignment {
  #current: Assignment['current']
  /** One identity for each uninterrupted possession of a partition. */
  readonly #tenures = new Map<number, object>()
  /** Monotonic ms at which the partitions that are not loaded yet were assigned. */
  readonly #assignedAt = new Map<number, number>()
  #sweeping = false

  constructor(
    private readonly options: {
      readonly shard: Shard
      readonly clock: Clock
      readonly changes: Changes
      readonly events: FeedEvents
    },
  ) {}

  get current(): Assignment['current'] {
    return this.#current
  }

  loaded(partition: number): boolean {
    return this.options.shard.loaded(partition)
  }

  onAssignment(assignment: Parameters<PartitionListener['onAssignment']>[0]): void {
    const { shard, clock, changes, events } = this.options
    const now = clock.now()
    shard.assign(assignment, now)
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
    // Also when its log was replaced while it was ours: whoever waits for it is told when it is loaded again.
    if (!this.#assignedAt.has(partition)) this.#assignedAt.set(partition, now.mono)
    this.#noticeLoaded(partition)
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
      // Meanwhile the partition may have become somebody else's, or ours anew.
      if (this.#tenures.get(partition) !== tenure) return
      now = clock.now()
    }
  }

  /** Sweeps the shard, in slices. One that is asked for while another is under way is left out: the next is soon. */
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
    this.#noticeLoaded(partition)
    this.options.events.onAnswer()
  }

  onFetchError(_error: Error, partitions: readonly number[]): void {
    this.options.shard.fetchFailed(partitions, this.options.clock.now())
  }

  #noticeLoaded(partition: number): void {
    const { shard, clock, changes, events } = this.options
    const assignedAt = this.#assignedAt.get(partition)
    if (assignedAt === undefined || !shard.loaded(partition)) return
    this.#assignedAt.delete(partition)
    events.onReplayed(partition, (clock.now().mono - assignedAt) / 1000)
    changes.notify()
  }
}
