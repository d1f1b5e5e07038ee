import type { Clock } from '../../shared/base/clock.js'
import type { Group } from './group.js'

/** Where a partition is served, as far as can be said now. */
export type Place =
  | { readonly kind: 'here' }
  | { readonly kind: 'elsewhere'; readonly address: string }
  /** Nobody knows yet; a change will tell. */
  | { readonly kind: 'unsettled'; readonly reason: string }

/** What this shard was assigned, and how far it has read it. */
export interface Assignment {
  /** Undefined before the first assignment and while a rebalance is under way. */
  readonly current: { readonly partitionCount: number; readonly partitions: ReadonlySet<number> } | undefined
  /** Whether all that was in the partition when it was assigned has been read. */
  loaded(partition: number): boolean
}

/**
 * Whether a partition may be served here.
 *
 * Being assigned is not enough: a process that was stopped for a minute still believes its assignment. Only the lease says
 * that nobody else can have it yet, so it is asked at every request and before every chunk of a response.
 */
export class Ownership {
  #lapseSeen = false
  /** Set when this shard begins to leave: how many partitions there were. */
  #leaving: { readonly partitionCount: number | undefined } | undefined
  #left = false

  constructor(
    private readonly options: {
      readonly leaseUntil: () => number
      readonly clock: Clock
      readonly assignment: Assignment
      readonly group: Group
      /** Why Kafka cannot be reached at all, as long as that is so. */
      readonly trouble: () => string | undefined
    },
  ) {}

  /** Undefined before the first assignment. */
  get partitionCount(): number | undefined {
    return this.#leaving ? this.#leaving.partitionCount : this.options.assignment.current?.partitionCount
  }

  /**
   * From now on requests are held: what is being answered may end, and nothing begins that the handover would cut off.
   */
  leave(): void {
    this.#leaving = { partitionCount: this.partitionCount }
  }

  /** The group has been left: requests are sent on to whoever has their partition now, as soon as that is known. */
  left(): void {
    this.#left = true
    this.options.group.forget()
  }

  /** @param hopped another shard sent the request here: it is never sent on, or stale maps could make it run in circles */
  locate(partition: number, hopped: boolean): Place {
    if (this.#left) return this.#elsewhere(partition)
    const pending = this.unsettled()
    if (pending) return { kind: 'unsettled', reason: pending }
    const { assignment } = this.options
    if (assignment.current!.partitions.has(partition)) {
      return assignment.loaded(partition)
        ? { kind: 'here' }
        : { kind: 'unsettled', reason: `partition ${partition} is still being replayed` }
    }
    if (hopped) {
      return { kind: 'unsettled', reason: `partition ${partition} is not, or not yet, this shard's` }
    }
    return this.#elsewhere(partition)
  }

  #elsewhere(partition: number): Place {
    const owner = this.options.group.ownerOf(partition)
    return owner?.address
      ? { kind: 'elsewhere', address: owner.address }
      : { kind: 'unsettled', reason: `the owner of partition ${partition} is not known yet` }
  }

  /** What is assigned to this shard now. */
  partitions(): readonly number[] {
    return [...(this.options.assignment.current?.partitions ?? [])].sort((a, b) => a - b)
  }

  /** Why nothing can be said of any partition right now, if so. */
  unsettled(): string | undefined {
    const { assignment, trouble } = this.options
    if (this.#leaving) return trouble() ?? 'this shard is leaving the group'
    if (!assignment.current) return trouble() ?? 'the group is rebalancing'
    if (this.leaseLeft() > 0) return undefined
    this.#lapseSeen = true
    return trouble() ?? 'the lease has lapsed: the group coordinator did not answer in time'
  }

  /** Why the shard as a whole cannot be shown, if so. */
  unsettledWhole(): string | undefined {
    const pending = this.unsettled()
    if (pending) return pending
    const { assignment } = this.options
    const replaying = [...assignment.current!.partitions].filter(p => !assignment.loaded(p))
    return replaying.length ? `replaying partition ${replaying.join(', ')}` : undefined
  }

  /**
   * A check for the chunks of one response: true as long as what was assigned when it began is surely still ours.
   */
  hold(): () => boolean {
    const began = this.options.assignment.current
    return () => began !== undefined && began === this.options.assignment.current && this.leaseLeft() > 0
  }

  /** Milliseconds; not above 0 without a lease. */
  leaseLeft(): number {
    return this.options.leaseUntil() - this.options.clock.now().mono
  }

  /** Whether a lease that a request found lapsed is there again: told once. */
  recovered(): boolean {
    if (!this.#lapseSeen || this.leaseLeft() <= 0) return false
    this.#lapseSeen = false
    return true
  }
}
