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
  /** Undefined before the first assignment. It stays valid through a rebalance. */
  readonly current:
    | { readonly partitionCount: number; readonly partitions: ReadonlySet<number> }
    | undefined
  /** Whether the replay of the partition is complete. */
  loaded(partition: number): boolean
  /**
   * Whether all targets of a loaded partition are known, also those that died before the replay.
   */
  complete(partition: number): boolean
  /** Whether the partition is about to be given up: new requests for it are held. */
  revoking(partition: number): boolean
  /** An object that is unique for each uninterrupted ownership; undefined if it is not owned. */
  tenure(partition: number): object | undefined
}

/** How often shards may pass a request on. After that it is held. */
const MAX_HOPS = 4

/**
 * Decides whether a partition may be served by this shard.
 *
 * A partition is served through a rebalance until this shard has to give it up, because no shard
 * gets a partition that another one claims. An assignment is not sufficient: a process that was
 * suspended for a minute still has its old one. Only while the lease is valid can no other shard
 * own the partition. The lease is therefore checked for each request and before each chunk of a
 * response.
 */
export class Ownership {
  /** Whether a request was refused because the lease had expired. */
  #expirySeen = false

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
    return this.options.assignment.current?.partitionCount
  }

  /** @param hops how often other shards have redirected or forwarded the request */
  locate(partition: number, hops: number): Place {
    const { assignment } = this.options
    if (assignment.current && !assignment.current.partitions.has(partition))
      return this.#locateOwner(partition, hops)
    const reason = this.pendingReason()
    if (reason) return { kind: 'pending', reason }
    if (assignment.revoking(partition))
      return { kind: 'pending', reason: `partition ${partition} moves to another shard` }
    return assignment.loaded(partition)
      ? { kind: 'here' }
      : { kind: 'pending', reason: `partition ${partition} is being replayed` }
  }

  /**
   * During a rebalance, a request is passed on to the last known owner, which usually keeps its
   * partitions. A shard to which a request was passed on does so only by a current map: each shard
   * takes part in each rebalance, so its map is not older than that of the sender.
   */
  #locateOwner(partition: number, hops: number): Place {
    const { group, trouble } = this.options
    if (hops >= MAX_HOPS) {
      const reason = trouble() ?? `partition ${partition} is not assigned to this shard`
      return { kind: 'pending', reason }
    }
    const owner =
      group.ownerOf(partition) ?? (hops === 0 ? group.lastOwnerOf(partition) : undefined)
    if (owner?.address) return { kind: 'elsewhere', address: owner.address }
    const reason = trouble() ?? `the owner of partition ${partition} is not known yet`
    return { kind: 'pending', reason }
  }

  /** Partitions assigned to this shard, ascending. */
  partitions(): readonly number[] {
    return [...(this.options.assignment.current?.partitions ?? [])].sort((a, b) => a - b)
  }

  /** Why no request for any partition can be answered now; undefined when they can. */
  pendingReason(): string | undefined {
    const { assignment, trouble } = this.options
    if (!assignment.current) return trouble() ?? 'this shard has no assignment yet'
    if (this.leaseLeft() > 0) return undefined
    this.#expirySeen = true
    return (
      trouble() ??
      'the lease has expired: the group coordinator did not answer in time, or has removed this shard'
    )
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
   * Returns a check for the chunks of one response: true while this shard keeps each of these
   * partitions and the lease is valid. Changes of other partitions do not matter.
   *
   * @param partitions by default all of this shard
   */
  tenureCheck(partitions: readonly number[] = this.partitions()): () => boolean {
    const { assignment } = this.options
    const tenures = partitions.map(partition => assignment.tenure(partition))
    return () =>
      assignment.current !== undefined &&
      this.leaseLeft() > 0 &&
      partitions.every(
        (partition, i) => tenures[i] !== undefined && assignment.tenure(partition) === tenures[i],
      )
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
