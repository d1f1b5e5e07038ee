import type { TargetQueue } from './target-queue.js'

/**
 * State, not a queue: at most one snapshot in flight and one waiting. A newer one supersedes the one that waits, because it
 * says all that the other would have said. So memory is constant, however long the brokers are away.
 */
export class ConflatingQueue<T> implements TargetQueue<T> {
  #waiting: T | null = null
  #flying: T | null = null
  offered = 0
  acknowledged = 0
  superseded = 0
  readonly refused = 0

  offer(item: T): void {
    this.offered++
    if (this.#waiting !== null) this.superseded++
    this.#waiting = item
  }

  get waiting(): T | null {
    return this.#waiting
  }

  get flying(): T | null {
    return this.#flying
  }

  get held(): number {
    return (this.#waiting === null ? 0 : 1) + (this.#flying === null ? 0 : 1)
  }

  get ready(): boolean {
    return this.#waiting !== null && this.#flying === null
  }

  take(): T | null {
    if (!this.ready) return null
    this.#flying = this.#waiting
    this.#waiting = null
    return this.#flying
  }

  acknowledge(): void {
    this.#flying = null
    this.acknowledged++
  }

  /** It goes again, unless there is a newer one by now. */
  fail(): void {
    if (this.#waiting === null) this.#waiting = this.#flying
    else this.superseded++
    this.#flying = null
  }

  /** The next one may be smaller: until it comes this one goes again. */
  refuse(): null {
    this.fail()
    return null
  }
}
