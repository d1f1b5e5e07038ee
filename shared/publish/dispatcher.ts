import { backoffMs } from './backoff.js'
import type { Publication, SendError } from './publication.js'
import type { TargetQueue } from './target-queue.js'

/** Size at which a batch is full. A batch has at least one entry, of any size. */
const BATCH_BYTES = 256 * 1024
/** Maximum number of batches in flight. */
const MAX_BATCHES = 16
/** Maximum number of batches in flight of failing lanes, so that they cannot block all others. */
const MAX_FAILING_BATCHES = MAX_BATCHES / 2
/** The lane of keys whose partition leader is not known yet. */
const UNKNOWN_LANE = Number.MIN_SAFE_INTEGER

/** State of one target in a dispatcher. */
export class Slot<T> {
  /**
   * Whether items of the target are in flight. No others are sent meanwhile, to keep their order.
   */
  inFlight = false
  /**
   * Whether the brokers refused a batch with items of the target. Until an attempt succeeds, its
   * items are sent one at a time, in batches of their own.
   */
  isIsolated = false
  /** Consecutive failures of the target itself, not of its lane. */
  failures = 0
  /** Earliest time of the next attempt, monotonic ms. */
  notBefore = Number.NEGATIVE_INFINITY

  constructor(
    readonly key: Buffer,
    readonly queue: TargetQueue<T>,
  ) {}
}

class Lane<T> {
  /** Targets with pending items, in the order in which they are served. */
  readonly ready = new Set<Slot<T>>()
  /** Whether a batch is in flight. */
  isBusy = false
  /** Consecutive failures. */
  failures = 0
  /** Earliest time of the next attempt, monotonic ms. */
  notBefore = Number.NEGATIVE_INFINITY

  constructor(readonly id: number) {}
}

export interface Entry<T> {
  readonly slot: Slot<T>
  readonly item: T
}

export interface Batch<T> {
  readonly lane: number
  /** Whether the last batch of the lane failed. */
  readonly isRetry: boolean
  /** Entries of one target are in its order. */
  readonly entries: readonly Entry<T>[]
}

/** Outcome of one target's entries in a batch. */
export interface TargetOutcome<T> {
  readonly slot: Slot<T>
  /** Acknowledged items, in order. */
  readonly acknowledged: readonly T[]
  /** Error of the first item that was not acknowledged, or null. */
  readonly error: SendError | null
  /** The item that was removed from the queue because the brokers refused it, or null. */
  readonly refused: T | null
}

export interface DispatcherOptions {
  /** Batches of different lanes are sent independently. Undefined if the lane is not known. */
  laneOf(key: Buffer): number | undefined
  /** Returns a number from 0 to 1. */
  random(): number
}

/**
 * Decides which items are sent when. Pure: the caller passes the time. Each lane has one batch in
 * flight at a time, filled from its targets in turn, so that items offered meanwhile share the next
 * batch. A failing lane backs off without delaying the others. A refused record is found by sending
 * the targets of its batch one by one; it then delays its own target only.
 */
export class Dispatcher<T extends Pick<Publication, 'encodedBytes'>> {
  readonly #lanes = new Map<number, Lane<T>>()
  /** Targets in a backoff of their own. */
  readonly #delayed = new Set<Slot<T>>()
  #batches = 0
  #retryBatches = 0

  constructor(private readonly options: DispatcherOptions) {}

  /** To be called when an item was added to the target's queue. @param now monotonic ms */
  enqueue(slot: Slot<T>, now: number): void {
    if (slot.inFlight || !slot.queue.isReady) return
    if (slot.notBefore > now) this.#delayed.add(slot)
    else this.#laneOf(slot).ready.add(slot)
  }

  /** Removes a target. Items in flight are completed as usual. */
  remove(slot: Slot<T>): void {
    this.#delayed.delete(slot)
    for (const lane of this.#lanes.values()) lane.ready.delete(slot)
  }

  /** Ends the backoff of a target and of its lane. */
  retryNow(slot: Slot<T>, now: number): void {
    slot.notBefore = now
    this.#delayed.delete(slot)
    this.enqueue(slot, now)
    for (const lane of this.#lanes.values()) if (lane.ready.has(slot)) lane.notBefore = now
  }

  /** @returns the next batch, which is in flight from now on; null if none may be sent now */
  next(now: number): Batch<T> | null {
    for (const slot of this.#delayed) {
      if (slot.notBefore > now) continue
      this.#delayed.delete(slot)
      this.enqueue(slot, now)
    }
    for (const lane of this.#lanes.values()) {
      if (lane.isBusy || lane.notBefore > now) continue
      if (this.#batches >= MAX_BATCHES) return null
      if (lane.failures > 0 && this.#retryBatches >= MAX_FAILING_BATCHES) continue
      // This also moves targets to their new lane. If that lane was passed over above, they wait.
      const entries = this.#fill(lane)
      this.#lanes.delete(lane.id)
      if (entries.length === 0) continue
      // The lane becomes the last one, so that lanes take turns.
      this.#lanes.set(lane.id, lane)
      return this.#begin(lane, entries)
    }
    return null
  }

  /**
   * Time at which `next` may return a batch, monotonic ms. Null if that depends on an offer or on a
   * batch in flight.
   */
  dueAt(now: number): number | null {
    let due = Number.POSITIVE_INFINITY
    for (const { notBefore } of this.#delayed) due = Math.min(due, notBefore)
    for (const { isBusy, ready, notBefore } of this.#lanes.values())
      if (!isBusy && ready.size > 0 && notBefore > now) due = Math.min(due, notBefore)
    return due === Number.POSITIVE_INFINITY ? null : due
  }

  /**
   * Completes a batch in flight.
   *
   * @param outcomes one for each entry, null for an acknowledged one
   */
  complete(
    batch: Batch<T>,
    outcomes: readonly (SendError | null)[],
    now: number,
  ): TargetOutcome<T>[] {
    this.#batches--
    if (batch.isRetry) this.#retryBatches--
    const lane = this.#lane(batch.lane)
    lane.isBusy = false
    const completed = completeTargets(batch.entries, outcomes)
    const hasAcknowledged = completed.some(({ acknowledged }) => acknowledged.length > 0)
    if (hasAcknowledged) lane.failures = 0
    const failed = new Set<Lane<T>>()
    for (const { slot, error, refused } of completed) {
      slot.inFlight = false
      if (!error) {
        slot.isIsolated = false
        slot.failures = 0
      } else if (error.refusal) {
        slot.isIsolated = true
        // The refused item was alone in its batch, and stays in the queue.
        if (batch.entries.length === 1 && refused === null) this.#delay(slot, now)
      } else if (hasAcknowledged && this.#laneOf(slot) === lane) this.#delay(slot, now)
      else failed.add(this.#laneOf(slot))
    }
    for (const failing of failed)
      failing.notBefore = now + backoffMs(++failing.failures, this.options.random())
    for (const { slot } of completed) this.enqueue(slot, now)
    return completed
  }

  /** Takes one item of each target in turn, and further rounds while the batch has room. */
  #fill(lane: Lane<T>): Entry<T>[] {
    const entries: Entry<T>[] = []
    let bytes = 0
    const add = (slot: Slot<T>) => {
      const item = slot.queue.take() as T
      slot.inFlight = true
      entries.push({ slot, item })
      bytes += item.encodedBytes
    }
    for (const slot of lane.ready) {
      if (slot.isIsolated && entries.length > 0) break
      lane.ready.delete(slot)
      if (slot.inFlight || !slot.queue.isReady) continue
      const home = this.#laneOf(slot)
      if (home !== lane) {
        home.ready.add(slot)
        continue
      }
      add(slot)
      // A failing or unknown lane is tried with a single entry.
      const isSingle = slot.isIsolated || lane.failures > 0 || lane.id === UNKNOWN_LANE
      if (isSingle || bytes >= BATCH_BYTES) return entries
    }
    for (let turn = entries.map(({ slot }) => slot); turn.length > 0; ) {
      turn = turn.filter(slot => slot.queue.isReady)
      for (const slot of turn) {
        if (bytes >= BATCH_BYTES) return entries
        add(slot)
      }
    }
    return entries
  }

  #begin(lane: Lane<T>, entries: readonly Entry<T>[]): Batch<T> {
    const isRetry = lane.failures > 0
    lane.isBusy = true
    this.#batches++
    if (isRetry) this.#retryBatches++
    return { lane: lane.id, isRetry, entries }
  }

  #delay(slot: Slot<T>, now: number): void {
    slot.notBefore = now + backoffMs(++slot.failures, this.options.random())
  }

  #laneOf(slot: Slot<T>): Lane<T> {
    return this.#lane(this.options.laneOf(slot.key) ?? UNKNOWN_LANE)
  }

  #lane(id: number): Lane<T> {
    let lane = this.#lanes.get(id)
    if (!lane) {
      lane = new Lane(id)
      this.#lanes.set(id, lane)
    }
    return lane
  }
}

/**
 * Passes the outcomes to the queues of the targets. Of one target, no entry after the first failed
 * one counts as acknowledged.
 */
function completeTargets<T>(
  entries: readonly Entry<T>[],
  outcomes: readonly (SendError | null)[],
): TargetOutcome<T>[] {
  const targets = new Map<Slot<T>, { acknowledged: T[]; error: SendError | null }>()
  entries.forEach(({ slot, item }, i) => {
    let target = targets.get(slot)
    if (!target) {
      target = { acknowledged: [], error: null }
      targets.set(slot, target)
    }
    target.error ??= outcomes[i] ?? null
    if (target.error) return
    slot.queue.acknowledge()
    target.acknowledged.push(item)
  })
  return [...targets].map(([slot, { acknowledged, error }]) => {
    let refused: T | null = null
    if (error?.refusal && entries.length === 1) refused = slot.queue.refuse()
    else if (error) slot.queue.fail()
    return { slot, acknowledged, error, refused }
  })
}
