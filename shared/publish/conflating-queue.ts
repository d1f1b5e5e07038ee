import type { TargetQueue } from './target-queue.js'

/**
 * Holds at most one snapshot in flight and one pending. A newer snapshot supersedes the pending
 * one, because it holds the complete state. Memory is constant, however long an outage lasts.
 */
export class ConflatingQueue<T> implements TargetQueue<T> {
  #pending: T | null = null
  #inFlight: T | null = null
  offered = 0
  acknowledged = 0
  superseded = 0
  readonly refused = 0

  offer(item: T): void {
    this.offered++
    if (this.#pending !== null) this.superseded++
    this.#pending = item
  }

  get pending(): T | null {
    return this.#pending
  }

  get inFlight(): T | null {
    return this.#inFlight
  }

  get held(): number {
    return (this.#pending === null ? 0 : 1) + (this.#inFlight === null ? 0 : 1)
  }

  get isReady(): boolean {
    return this.#pending !== null && this.#inFlight === null
  }

  take(): T | null {
    if (!this.isReady) return null
    this.#inFlight = this.#pending
    this.#pending = null
    return this.#inFlight
  }

  acknowledge(): void {
    this.#inFlight = null
    this.acknowledged++
  }

  /** Makes the snapshot pending again, unless a newer one is pending. */
  fail(): void {
    if (this.#pending === null) this.#pending = this.#inFlight
    else this.superseded++
    this.#inFlight = null
  }

  /** Retries until the next snapshot, which the brokers may accept. */
  refuse(): null {
    this.fail()
    return null
  }
}
