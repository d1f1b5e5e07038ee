import type { Clock } from '../../shared/base/clock.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import type { Group } from './group.js'

/** Where a partition is served. */
export type Place =
  | { readonly kind: 'here' }
  | { readonly kind: 'elsewhere'; readonly address: string }
  /** Not known, or not served by any shard yet. The request can be repeated at the next change. */
  | { readonly kind: 'pending'; readonly reason: string }

/** The partitions for which a shard may speak, ascending. */
export interface SpokenFor {
  readonly partitions: readonly number[]
  /** Whether the shard may still speak for these partitions, and has no others. */
  alive(): boolean
}

/** Why a request cannot be answered yet. */
export interface Pending {
  /** One line, the body of the 503 when the deadline passes. */
  readonly pending: string
}

/** The partitions of this shard. */
export interface Assignment {
  /** Undefined before the first assignment and during a rebalance. */
  readonly current:
    | { readonly partitionCount: number; readonly partitions: ReadonlySet<number> }
    | undefined
  /** Whether the replay of the partition is complete. */
  loaded(partition: number): boolean
  /** Whether all targets of a loaded partition are known, also those that died before the replay. */
  complete(partition: number): boolean
}

/**
 * Decides whether a partition may be served by this shard.
 *
 * An assignment is not sufficient: a process that was suspended for a minute still has its old one.
 * Only while the lease is valid can no other shard own the partition. The lease is therefore
 * checked for each request and before each chunk of a response.
 */
export class Ownership {
  /** Whether a request was refused because the lease had expired. */
  #expirySeen = false
  /** Set when this shard begins to leave the group; with the partition count at that time. */
  #leaving: { readonly partitionCount: number | undefined } | undefined
  #left = false

  constructor(
    private readonly options: {
      readonly leaseUntil: () => number
      readonly clock: Clock
      readonly assignment: Assignment
      readonly group: Group
      /** Why the shard is not ready: it is starting or stopping, or waits for Kafka. */
      readonly trouble: () => string | undefined
    },
  ) {}

  /** Undefined before the first assignment. */
  get partitionCount(): number | undefined {
    return this.#leaving
      ? this.#leaving.partitionCount
      : this.options.assignment.current?.partitionCount
  }

  /**
   * Holds new requests from now on, so that the handover truncates no response. Running responses
   * may complete.
   */
  prepareToLeave(): void {
    this.#leaving = { partitionCount: this.partitionCount }
  }

  /** The shard has left the group: each request is redirected as soon as the new owner is known. */
  onLeft(): void {
    this.#left = true
    this.options.group.forget()
  }

  /**
   * @param hopped whether another shard redirected or forwarded the request. It is then held
   *   instead of redirected again, because shards with outdated maps could redirect it in a circle.
   */
  locate(partition: number, hopped: boolean): Place {
    if (this.#left) return this.#locateOwner(partition)
    const reason = this.pendingReason()
    if (reason) return { kind: 'pending', reason }
    const { assignment } = this.options
    if (assignment.current!.partitions.has(partition)) {
      return assignment.loaded(partition)
        ? { kind: 'here' }
        : { kind: 'pending', reason: `partition ${partition} is being replayed` }
    }
    if (hopped)
      return { kind: 'pending', reason: `partition ${partition} is not assigned to this shard` }
    return this.#locateOwner(partition)
  }

  #locateOwner(partition: number): Place {
    const owner = this.options.group.ownerOf(partition)
    return owner?.address
      ? { kind: 'elsewhere', address: owner.address }
      : { kind: 'pending', reason: `the owner of partition ${partition} is not known yet` }
  }

  /** Partitions assigned to this shard, ascending. */
  partitions(): readonly number[] {
    return [...(this.options.assignment.current?.partitions ?? [])].sort((a, b) => a - b)
  }

  /** Why no request for any partition can be answered now; undefined when they can. */
  pendingReason(): string | undefined {
    const { assignment, trouble } = this.options
    if (this.#leaving) return trouble() ?? 'this shard is leaving the group'
    if (!assignment.current) return trouble() ?? 'the group is rebalancing'
    if (this.leaseLeft() > 0) return undefined
    this.#expirySeen = true
    return trouble() ?? 'the lease has expired: the group coordinator did not answer in time'
  }

  /**
   * Why a request for all partitions of this shard cannot be answered now; undefined when it can.
   */
  shardPendingReason(): string | undefined {
    const pending = this.pendingReason()
    if (pending) return pending
    const { assignment } = this.options
    const replaying = [...assignment.current!.partitions].filter(p => !assignment.loaded(p))
    return replaying.length ? `partitions being replayed: ${replaying.join(', ')}` : undefined
  }

  /** Why a target of this shard may be unknown although it exists; undefined if it is not. */
  unreadReason(key: Buffer): string | undefined {
    const { assignment } = this.options
    if (!assignment.current) return undefined
    const partition = partitionFor(key, assignment.current.partitionCount)
    return assignment.complete(partition) ? undefined : `partition ${partition} is being read back`
  }

  /** Why this shard cannot list all of its targets now; undefined when it can. */
  listPendingReason(): string | undefined {
    const pending = this.shardPendingReason()
    if (pending) return pending
    const { assignment } = this.options
    const unread = this.partitions().filter(p => !assignment.complete(p))
    return unread.length ? `partitions being read back: ${unread.join(', ')}` : undefined
  }

  /**
   * The partitions for which this shard may speak in a list of the group: all of its partitions,
   * once the targets of all are known. Until then it speaks for none, because a list without the
   * targets of a partition would look like one of a group without these targets.
   */
  spokenFor(): SpokenFor | Pending {
    const pending = this.listPendingReason()
    if (pending) return { pending }
    const { current } = this.options.assignment
    return {
      partitions: this.partitions(),
      alive: () =>
        current === this.options.assignment.current && this.listPendingReason() === undefined,
    }
  }

  /**
   * Returns a check for the chunks of one response: true while the assignment of this moment is
   * unchanged and the lease is valid.
   */
  tenureCheck(): () => boolean {
    const { current } = this.options.assignment
    return () =>
      current !== undefined && current === this.options.assignment.current && this.leaseLeft() > 0
  }

  /** Remaining lease in ms; zero or negative without a lease. */
  leaseLeft(): number {
    return this.options.leaseUntil() - this.options.clock.now().mono
  }

  /**
   * Whether the lease is valid again after a request was held because it had expired. Returns true
   * once per expiry.
   */
  consumeRecovery(): boolean {
    if (!this.#expirySeen || this.leaseLeft() <= 0) return false
    this.#expirySeen = false
    return true
  }
}
