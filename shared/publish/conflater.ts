/**
 * State, not a queue: at most one snapshot in flight and one waiting. A newer one supersedes the one that waits, because it
 * says all that the other would have said. So memory is constant, however long the brokers are away.
 *
 * Every snapshot offered ends as acknowledged, superseded, or still here: `offered = acknowledged + superseded + held`.
 */
export class Conflater<T> {
  #waiting: T | null = null
  #flying: T | null = null
  offered = 0
  acknowledged = 0
  superseded = 0

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

  /** The one to send now, or null when there is none or one is on its way. */
  take(): T | null {
    if (this.#flying !== null || this.#waiting === null) return null
    this.#flying = this.#waiting
    this.#waiting = null
    return this.#flying
  }

  acknowledge(): void {
    this.#flying = null
    this.acknowledged++
  }

  /** It may go again, unless there is a newer one by now. */
  fail(): void {
    if (this.#waiting === null) this.#waiting = this.#flying
    else this.superseded++
    this.#flying = null
  }
}
