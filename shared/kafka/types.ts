import type { ConnectionOptions } from 'node:tls'

/** SASL with a user name and a password. */
export interface PasswordLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

/** SASL with an OAuth bearer token (RFC 7628). */
export interface OAuthLogin {
  readonly mechanism: 'oauthbearer'
  /**
   * Returns a token that is valid for at least some seconds. It is called for each connection, and
   * again before the brokers end a login, so it should reuse tokens.
   */
  readonly token: () => Promise<string>
  /**
   * SASL extensions (KIP-342), such as `logicalCluster` and `identityPoolId` of Confluent Cloud.
   */
  readonly extensions?: Readonly<Record<string, string>>
}

/**
 * Connection options of a cluster. Code outside this folder does not depend on the client library.
 */
export interface KafkaConfig {
  readonly brokers: readonly string[]
  readonly clientId?: string
  readonly ssl?: boolean | ConnectionOptions
  readonly sasl?: PasswordLogin | OAuthLogin
  /** Milliseconds. */
  readonly connectionTimeout?: number
  /** Milliseconds. */
  readonly requestTimeout?: number
}

/** A record of the log. Key and value are slices of a fetch response: copy what is retained. */
export interface LogRecord {
  readonly offset: number
  /** Append time of the broker, Unix ms; −∞ if the batch has none (see `unreadable`). */
  readonly timestamp: number
  readonly key: Buffer | null
  /** Also null for a record of an unreadable batch, see `unreadable`. */
  readonly value: Buffer | null
  /**
   * Why the batch of the record was not read: `timestamp` (it has the time of its producer),
   * `codec` (it cannot be decompressed) or `corrupt` (it cannot be decoded). Undefined if it was
   * read.
   */
  readonly unreadable?: 'timestamp' | 'codec' | 'corrupt'
}

/** A member of the group as of its last join. */
export interface DescribedMember {
  readonly memberId: string
  /** Opaque bytes of the program; empty if malformed. */
  readonly metadata: Buffer
  readonly partitions: readonly number[]
}

/** The group as the coordinator describes it. `stable` is false during a rebalance. */
export interface GroupDescription {
  readonly stable: boolean
  readonly partitionCount: number
  readonly members: readonly DescribedMember[]
}

/** Callbacks of a program for its partitions. They are called synchronously and must not throw. */
export interface PartitionListener {
  /**
   * A new assignment, before any of its records is fetched. `kept` partitions continue at their
   * position, or still wait for `onReplay`; `fresh` ones are replayed from `onReplay`; `lost` ones
   * may be assigned to other members from now on.
   */
  onAssignment(assignment: {
    readonly epoch: number
    readonly partitionCount: number
    readonly kept: readonly number[]
    readonly fresh: readonly number[]
    readonly lost: readonly number[]
    /**
     * Opaque metadata of the member that gave up a fresh partition in the round before. Without an
     * entry the previous owner has crashed, or there was none.
     */
    readonly previous: ReadonlyMap<number, Uint8Array>
  }): void
  /**
   * Start of the replay of a fresh partition, and the watermark at which it is complete (exclusive;
   * if equal, there is nothing to read). Called again for a held partition if its log was replaced.
   */
  onReplay(partition: number, from: number, until: number): void
  /**
   * A rebalance has begun. Held partitions may be served until the next `onAssignment`, as long as
   * the lease lasts, and their records continue to arrive.
   */
  onRebalancing(): void
  /**
   * These partitions are about to be lost in favour of other members. The member still holds them,
   * and gives them up when the returned promise settles, after five seconds or a third of the
   * session timeout at most: what is in flight can be finished and committed. Not called when the
   * lease has ended, because then others may own them already.
   */
  onRevoking?(partitions: readonly number[]): void | Promise<void>
  /**
   * Records in offset order, contiguous except for offsets that the broker skips. If it returns a
   * promise, the next fetch waits for it.
   */
  onRecords(
    partition: number,
    records: readonly LogRecord[],
    position: { readonly next: number; readonly highWatermark: number },
  ): void | Promise<void>
  /**
   * A fetch response arrived, possibly without records. `next` is the position after it, `mono` its
   * arrival in monotonic ms.
   */
  onFetched(partition: number, next: number, highWatermark: number, mono: number): void
  /**
   * Fetches of these partitions fail, until the next `onFetched`. The message is one sentence for
   * operators.
   */
  onFetchError(error: Error, partitions: readonly number[]): void
}

/**
 * A member of a consumer group. Call `start` once and `stop` once; it retries after any error of
 * the brokers in between.
 */
export interface GroupConsumer {
  /** Starts the member. Resolves without waiting for the group. */
  start(): Promise<void>
  /**
   * Gives up all partitions, as in a rebalance, commits pending offsets and leaves the group, so
   * that other members take over at once. Takes some seconds at most, also without brokers.
   * `describeGroup` still works afterwards.
   */
  leave(): Promise<void>
  /** Leaves the group if necessary, and closes all connections. */
  stop(): Promise<void>
  /**
   * Monotonic ms at which the lease of the assignment ends; −Infinity before the first join, after
   * the last, and when the group has removed this member.
   */
  leaseUntil(): number
  /** Describes the group. Rejects if the coordinator does not respond. */
  describeGroup(): Promise<GroupDescription>
  /**
   * Commits an offset of a held partition: once a second, at the next rebalance, or when the member
   * leaves. It is discarded if the partition has moved to another member. Decreasing offsets are
   * ignored.
   *
   * @param offset next offset to read
   * @param metadata opaque text that is returned with the offset; brokers allow 4,096 bytes
   * @throws Error if the member was created without `commits`, or `offset` is not an offset
   */
  commit(partition: number, offset: number, metadata?: string): void
  /** The offset of a held partition that the brokers have committed; −1 if there is none. */
  committed(partition: number): number
}
