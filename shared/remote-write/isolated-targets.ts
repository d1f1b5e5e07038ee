import { Backoff } from './backoff.js'
import type { Piece, WriteItem } from './item.js'

export interface IsolatedTargetsOptions {
  /** Samples that all isolated targets together may hold. */
  readonly capacity: number
  readonly minBackoffMs: number
  readonly maxBackoffMs: number
  /** Time for which samples are repeated that the receiver does not store, ms; 0: without end. */
  readonly limitMs: number
  /** So many samples of the target were given up. */
  onDropped(target: string, samples: number): void
}

/** Numbers of requests so far. */
export interface Outcomes {
  readonly stored: number
  /** Those that failed, but for what an isolated target alone may be the cause of. */
  readonly failed: number
}

interface Waiting {
  readonly item: WriteItem
  /** Monotonic ms. */
  readonly since: number
  /** First series that the receiver has not answered for. */
  from: number
}

interface Isolated {
  readonly target: string
  readonly waiting: Waiting[]
  readonly backoff: Backoff
  /** Monotonic ms of the next attempt. */
  dueAt: number
  attemptedAt: number
  /** Up to the last attempt. */
  outcomes: Outcomes
  /** When the last attempt began. */
  begun: Outcomes
  /** Time for which it has failed while others were stored, ms. */
  failedMs: number
  /**
   * Whether others were stored between two attempts that have failed, and none has failed since:
   * when nothing of others comes, or it waits behind this target, the receiver is not away.
   */
  isProven: boolean
  isInFlight: boolean
  error: string
}

/**
 * Targets whose samples a receiver does not store, although it stores those of others. Their
 * samples wait here, in order, and are sent apart. Pure: it is handed the time.
 *
 * Samples are given up when they are older than the limit, or there is no room for further ones, or
 * for another target, but only while the receiver stores samples of others: never because it is away.
 */
export class IsolatedTargets {
  readonly #targets = new Map<string, Isolated>()
  #samples = 0

  constructor(private readonly options: IsolatedTargetsOptions) {}

  get size(): number {
    return this.#targets.size
  }

  get samples(): number {
    return this.#samples
  }

  get isFull(): boolean {
    return this.#samples >= this.options.capacity
  }

  has(target: string): boolean {
    return this.#targets.has(target)
  }

  /** One of them, with its last error; undefined without any. */
  get example(): { readonly target: string; readonly error: string } | undefined {
    for (const one of this.#targets.values()) return one
    return undefined
  }

  /**
   * Whether there is room for another target. The oldest samples are given up for it, of targets
   * that fail while others are stored. Without any it is taken all the same, up to twice the
   * capacity: otherwise it would hold its queue shard, and what is behind it could not show that
   * the receiver is not away.
   */
  makeRoom(): boolean {
    const { capacity, limitMs } = this.options
    if (limitMs === 0) return !this.isFull
    while (this.isFull && this.#dropOldestOfAll());
    return this.#samples < 2 * capacity
  }

  /** Whether there is room for samples of the target, or older ones may be given up for them. */
  hasRoom(target: string): boolean {
    return !this.isFull || this.#mayDrop(this.#targets.get(target))
  }

  /**
   * Adds what a queue shard held of the target, in order.
   *
   * @param now monotonic ms
   */
  add(target: string, waiting: readonly Waiting[], now: number, outcomes: Outcomes): void {
    const backoff = new Backoff(this.options)
    this.#targets.set(target, {
      target,
      waiting: [...waiting],
      backoff,
      dueAt: now + backoff.next(),
      attemptedAt: now,
      outcomes,
      begun: outcomes,
      failedMs: 0,
      isProven: false,
      isInFlight: false,
      error: '',
    })
    for (const { item } of waiting) this.#samples += item.samples
  }

  /** Adds an item of an isolated target. */
  push(item: WriteItem, now: number): void {
    const one = this.#targets.get(item.target)!
    one.waiting.push({ item, since: now, from: 0 })
    this.#samples += item.samples
    this.#dropExcess(one)
  }

  /** Monotonic ms of the next attempt; Infinity without any that is not in flight. */
  get dueAt(): number {
    let dueAt = Number.POSITIVE_INFINITY
    for (const one of this.#targets.values())
      if (!one.isInFlight) dueAt = Math.min(dueAt, one.dueAt)
    return dueAt
  }

  /**
   * What is to be sent now of a target of which nothing is in flight, which `answered` has to
   * follow; null if nothing is due.
   *
   * @param maxSamples of a request
   */
  next(
    now: number,
    maxSamples: number,
    outcomes: Outcomes,
  ): { readonly piece: Piece; readonly backoff: Backoff } | null {
    for (const one of this.#targets.values()) {
      if (one.isInFlight || one.dueAt > now) continue
      this.#removeCancelled(one)
      const [first] = one.waiting
      if (!first) {
        this.#targets.delete(one.target)
        continue
      }
      const { item, from } = first
      const room = Math.max(1, Math.floor((maxSamples * item.series) / item.samples))
      one.isInFlight = true
      one.begun = outcomes
      return {
        piece: { item, from, to: Math.min(item.series, from + room) },
        backoff: one.backoff,
      }
    }
    return null
  }

  /**
   * @param error why the receiver has not answered for the piece; null if it has
   * @returns whether the target is no longer isolated
   */
  answered({ item, to }: Piece, error: string | null, now: number, outcomes: Outcomes): boolean {
    const one = this.#targets.get(item.target)!
    one.isInFlight = false
    // It goes to the end: all are tried in turn.
    this.#targets.delete(one.target)
    this.#targets.set(one.target, one)
    if (error !== null) {
      this.#failed(one, error, now, outcomes)
      return false
    }
    one.backoff.reset()
    one.dueAt = now
    one.failedMs = 0
    one.isProven = false
    one.attemptedAt = now
    one.outcomes = outcomes
    one.waiting[0].from = to
    if (to < item.series) return false
    this.#settleFirst(one)
    return this.#releaseEmpty(one)
  }

  #failed(one: Isolated, error: string, now: number, outcomes: Outcomes): void {
    const { stored, failed } = one.outcomes
    // What was stored while the attempt waited proves nothing: it may have begun in an outage.
    const isAlone = one.begun.stored > stored && outcomes.failed === one.begun.failed
    one.isProven = isAlone || (one.isProven && outcomes.failed === failed)
    if (one.isProven) one.failedMs += now - one.attemptedAt
    one.error = error
    one.attemptedAt = now
    one.outcomes = outcomes
    one.dueAt = now + one.backoff.next()
    this.#dropExcess(one)
    const { limitMs } = this.options
    if (this.#mayDrop(one) && one.failedMs >= limitMs)
      while (one.waiting.length > 0 && now - one.waiting[0].since >= limitMs) this.#dropOldest(one)
    this.#releaseEmpty(one)
  }

  #dropExcess(one: Isolated): void {
    while (this.#samples > this.options.capacity && this.#mayDrop(one) && this.#dropOldest(one));
  }

  /** @returns false if there is nothing that may be dropped */
  #dropOldestOfAll(): boolean {
    let oldest: Isolated | null = null
    let since = Number.POSITIVE_INFINITY
    for (const one of this.#targets.values()) {
      const first = one.waiting[one.isInFlight ? 1 : 0]
      if (!first || first.since >= since || !this.#mayDrop(one)) continue
      oldest = one
      since = first.since
    }
    if (!oldest) return false
    this.#dropOldest(oldest)
    if (!oldest.isInFlight) this.#releaseEmpty(oldest)
    return true
  }

  #mayDrop(one: Isolated | undefined): boolean {
    return this.options.limitMs > 0 && one?.isProven === true
  }

  /** @returns false if there is nothing that is not in flight */
  #dropOldest(one: Isolated): boolean {
    const at = one.isInFlight ? 1 : 0
    const [dropped] = one.waiting.splice(at, 1)
    if (!dropped) return false
    const { item, from } = dropped
    this.#samples -= item.samples
    const left = Math.round((item.samples * (item.series - from)) / item.series)
    this.options.onDropped(one.target, left)
    item.settle()
    return true
  }

  #removeCancelled(one: Isolated): void {
    while (one.waiting[0]?.item.isCancelled) this.#settleFirst(one)
  }

  #settleFirst(one: Isolated): void {
    const { item } = one.waiting.shift()!
    this.#samples -= item.samples
    item.settle()
  }

  #releaseEmpty(one: Isolated): boolean {
    return one.waiting.length === 0 && this.#targets.delete(one.target)
  }
}
