import { backoffMs } from './backoff.js'
import type { Publication, SendError } from './publication.js'
import type { TargetQueue } from './target-queue.js'

/** Bytes of a batch; it has at least one entry, however large that is. */
const BATCH_BYTES = 256 * 1024
/** Batches in flight at once, and those of lanes whose last one failed: they may not take the place of all others. */
const BATCHES = 16
const FAILING_BATCHES = BATCHES / 2
/** For keys of which nobody knows yet where they go. */
const UNKNOWN_LANE = Number.MIN_SAFE_INTEGER

/** One target of a dispatcher. */
export class Slot<T> {
  /** Part of a batch in flight. Nothing else of the target is sent meanwhile, so that its order is kept. */
  flying = false
  /** The brokers refused a batch that it was part of: until it succeeds it goes by itself, one item at a time. */
  alone = false
  /** In a row, of the target itself rather than its lane. */
  failures = 0
  /** Monotonic ms. */
  notBefore = Number.NEGATIVE_INFINITY

  constructor(
    readonly key: Buffer,
    readonly queue: TargetQueue<T>,
  ) {}
}

class Lane<T> {
  /** Targets with something to send, in the order of their turn. */
  readonly ready = new Set<Slot<T>>()
  busy = false
  /** In a row. */
  failures = 0
  /** Monotonic ms. */
  notBefore = Number.NEGATIVE_INFINITY

  constructor(readonly id: number) {}
}

export interface Entry<T> {
  readonly slot: Slot<T>
  readonly item: T
}

export interface Batch<T> {
  readonly lane: number
  readonly failing: boolean
  /** Those of one target are in its order. */
  readonly entries: readonly Entry<T>[]
}

/** What became of a target's entries of one batch. */
export interface Settled<T> {
  readonly slot: Slot<T>
  /** In order. */
  readonly acknowledged: readonly T[]
  /** Of the first that was not acknowledged, or null. */
  readonly error: SendError | null
  /** Given up because it is refused, or null. */
  readonly refused: T | null
}

export interface DispatcherOptions {
  /** Batches of different lanes do not wait for each other. Undefined while nobody knows. */
  laneOf(key: Buffer): number | undefined
  /** From 0 to 1. */
  random(): number
}

/**
 * Decides what is sent when: pure, handed time. In each lane one batch is in flight at a time, filled from the targets in turn, so
 * that what gathers while it is under way goes together. A lane that fails waits, longer each time; the others go on. Records that
 * the brokers refuse are found by sending the targets of their batch one by one, and then hold back their own target only.
 */
export class Dispatcher<T extends Pick<Publication, 'encodedBytes'>> {
  readonly #lanes = new Map<number, Lane<T>>()
  /** Targets that wait for a time of their own. */
  readonly #delayed = new Set<Slot<T>>()
  #batches = 0
  #failingBatches = 0

  constructor(private readonly options: DispatcherOptions) {}

  /** The target may have something to send now. */
  enqueue(slot: Slot<T>, now: number): void {
    if (slot.flying || !slot.queue.ready) return
    if (slot.notBefore > now) this.#delayed.add(slot)
    else this.#laneOf(slot).ready.add(slot)
  }

  /** Forgets about a target. What of it is in flight is settled as before. */
  remove(slot: Slot<T>): void {
    this.#delayed.delete(slot)
    for (const lane of this.#lanes.values()) lane.ready.delete(slot)
  }

  /** Tries this target, and those that share its lane, without waiting any longer. */
  hurry(slot: Slot<T>, now: number): void {
    slot.notBefore = now
    this.#delayed.delete(slot)
    this.enqueue(slot, now)
    for (const lane of this.#lanes.values()) if (lane.ready.has(slot)) lane.notBefore = now
  }

  /** The next batch to send, in flight from now on; null when there is none that may be. */
  next(now: number): Batch<T> | null {
    for (const slot of this.#delayed) {
      if (slot.notBefore > now) continue
      this.#delayed.delete(slot)
      this.enqueue(slot, now)
    }
    for (const lane of this.#lanes.values()) {
      if (lane.busy || lane.notBefore > now) continue
      if (this.#batches >= BATCHES) return null
      if (lane.failures > 0 && this.#failingBatches >= FAILING_BATCHES) continue
      // Targets that have moved to another lane are found here; a lane that is passed by is not free for them either.
      const entries = this.#fill(lane)
      this.#lanes.delete(lane.id)
      if (entries.length === 0) continue
      // Behind the others, which have their turn first.
      this.#lanes.set(lane.id, lane)
      return this.#begin(lane, entries)
    }
    return null
  }

  /** Monotonic ms at which `next` may have more than now; null when only an offer or a settled batch can change that. */
  dueAt(now: number): number | null {
    let due = Number.POSITIVE_INFINITY
    for (const { notBefore } of this.#delayed) due = Math.min(due, notBefore)
    for (const { busy, ready, notBefore } of this.#lanes.values())
      if (!busy && ready.size > 0 && notBefore > now) due = Math.min(due, notBefore)
    return due === Number.POSITIVE_INFINITY ? null : due
  }

  /** @param outcomes one for each entry: null for what has arrived */
  settle(batch: Batch<T>, outcomes: readonly (SendError | null)[], now: number): Settled<T>[] {
    this.#batches--
    if (batch.failing) this.#failingBatches--
    const lane = this.#lane(batch.lane)
    lane.busy = false
    const settled = settleTargets(batch.entries, outcomes)
    const arrived = settled.some(({ acknowledged }) => acknowledged.length > 0)
    if (arrived) lane.failures = 0
    const failed = new Set<Lane<T>>()
    for (const { slot, error, refused } of settled) {
      slot.flying = false
      if (!error) {
        slot.alone = false
        slot.failures = 0
      } else if (error.refusal) {
        slot.alone = true
        // It goes again: it was what is refused, by itself.
        if (batch.entries.length === 1 && refused === null) this.#delay(slot, now)
      } else if (arrived && this.#laneOf(slot) === lane) this.#delay(slot, now)
      else failed.add(this.#laneOf(slot))
    }
    for (const one of failed) one.notBefore = now + backoffMs(++one.failures, this.options.random())
    for (const { slot } of settled) this.enqueue(slot, now)
    return settled
  }

  /** In turn one of each target, then, while there is room, one more of each that has more. */
  #fill(lane: Lane<T>): Entry<T>[] {
    const entries: Entry<T>[] = []
    let bytes = 0
    const add = (slot: Slot<T>) => {
      const item = slot.queue.take() as T
      slot.flying = true
      entries.push({ slot, item })
      bytes += item.encodedBytes
    }
    for (const slot of lane.ready) {
      if (slot.alone && entries.length > 0) break
      lane.ready.delete(slot)
      if (slot.flying || !slot.queue.ready) continue
      const home = this.#laneOf(slot)
      if (home !== lane) {
        home.ready.add(slot)
        continue
      }
      add(slot)
      // A lane that fails, or of which nothing is known, is tried with one.
      const one = slot.alone || lane.failures > 0 || lane.id === UNKNOWN_LANE
      if (one || bytes >= BATCH_BYTES) return entries
    }
    for (let turn = entries.map(({ slot }) => slot); turn.length > 0; ) {
      turn = turn.filter(slot => slot.queue.ready)
      for (const slot of turn) {
        if (bytes >= BATCH_BYTES) return entries
        add(slot)
      }
    }
    return entries
  }

  #begin(lane: Lane<T>, entries: readonly Entry<T>[]): Batch<T> {
    const failing = lane.failures > 0
    lane.busy = true
    this.#batches++
    if (failing) this.#failingBatches++
    return { lane: lane.id, failing, entries }
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

/** Tells each target's queue what became of its entries. After the first that failed none of them counts as arrived. */
function settleTargets<T>(
  entries: readonly Entry<T>[],
  outcomes: readonly (SendError | null)[],
): Settled<T>[] {
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
