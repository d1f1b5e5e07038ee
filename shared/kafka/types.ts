import type { ConnectionOptions } from 'node:tls'

/** How to reach a cluster. Nothing outside this folder knows which client library does it. */
export interface KafkaConfig {
  readonly brokers: readonly string[]
  readonly clientId?: string
  readonly ssl?: boolean | ConnectionOptions
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
    readonly username: string
    readonly password: string
  }
  /** Milliseconds. */
  readonly connectionTimeout?: number
  /** Milliseconds. */
  readonly requestTimeout?: number
}

/** One record as it was read. Its bytes are slices of a fetch response: copy what is kept. */
export interface LogRecord {
  readonly offset: number
  /** The broker's append time, Unix ms; −∞ where the batch has none (see `unreadable`). */
  readonly timestamp: number
  readonly key: Buffer | null
  /** Null also for a record of a batch that is not read, see `unreadable`. */
  readonly value: Buffer | null
  /**
   * Why the batch that held it is not read: `timestamp` (it has the time of its producer), `codec` (not inflated) or `corrupt`
   * (not decoded); else undefined.
   */
  readonly unreadable?: 'timestamp' | 'codec' | 'corrupt'
}

/** What a group member told of itself when it last joined. */
export interface DescribedMember {
  readonly memberId: string
  /** The program's own bytes; empty when it told nothing legible. */
  readonly metadata: Buffer
  readonly partitions: readonly number[]
}

/** The group as the coordinator knows it. `stable` is false while a rebalance is under way. */
export interface GroupDescription {
  readonly stable: boolean
  readonly partitionCount: number
  readonly members: readonly DescribedMember[]
}

/** What a program is told of its partitions. All are called synchronously; none may throw. */
export interface PartitionListener {
  /**
   * A new assignment, before any record of it is fetched. `kept` go on at their position, `fresh` will be replayed
   * from `onReplay`, `lost` are someone else's from now on.
   */
  onAssignment(assignment: {
    readonly epoch: number
    readonly partitionCount: number
    readonly kept: readonly number[]
    readonly fresh: readonly number[]
    readonly lost: readonly number[]
  }): void
  /**
   * Where a fresh partition's replay starts and the watermark at which it is caught up (exclusive; equal: nothing to read).
   * Comes again for a held one when its log was replaced by a shorter one.
   */
  onReplay(partition: number, from: number, until: number): void
  /**
   * A rebalance has begun: until the next `onAssignment` nothing may be served. Records of what was held go on coming, so
   * that what is kept is up to date when it may be served again.
   *
   * A member that commits may return a promise: until it is settled, five seconds or a third of the session timeout at
   * most, the group waits, so that what is under way can still be committed before the partitions are another member's.
   */
  onRebalancing(): void | Promise<void>
  /** Records in offset order, contiguous but for what the broker skips. May be asynchronous: the next fetch waits. */
  onRecords(
    partition: number,
    records: readonly LogRecord[],
    position: { readonly next: number; readonly highWatermark: number },
  ): void | Promise<void>
  /** A fetch was answered, also when it brought nothing: `next` is the position after it, by monotonic time. */
  onFetched(partition: number, next: number, highWatermark: number, mono: number): void
  /** Fetches of these partitions fail; `onFetched` tells when they work again. The message is a sentence for people. */
  onFetchError(error: Error, partitions: readonly number[]): void
}

/** A member of a consumer group. Lifetime: `start` once, `stop` once; it survives every broker fault in between. */
export interface GroupConsumer {
  /** Resolves when it has begun, not when it has joined. */
  start(): Promise<void>
  /** Commits what is pending and leaves the group, so that others take over at once. `group` can still be asked. */
  leave(): Promise<void>
  /** Leaves, if need be, and closes every connection. */
  stop(): Promise<void>
  /** Monotonic ms until which what was assigned is surely ours; −Infinity before the first join and while rebalancing. */
  leaseUntil(): number
  /** Everything the coordinator knows of the group; rejects when it cannot be asked. */
  describeGroup(): Promise<GroupDescription>
  /**
   * Commits a position of a held partition: with the next batch, once a second, at the next rebalance or when the group is
   * left. It is refused, and forgotten, when the partition has become another member's. Positions that go back are ignored.
   *
   * @param offset the next one to be read
   * @param metadata opaque text that comes back with the offset; brokers allow 4,096 bytes
   * @throws Error when this member was made without `commits`, or the offset is none
   */
  commit(partition: number, offset: number, metadata?: string): void
}
