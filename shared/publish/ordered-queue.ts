import type { TargetQueue } from './target-queue.js'

/** Holds all items in order. Several may be in flight at once. The caller bounds its size. */
export class OrderedQueue<T> implements TargetQueue<T> {
  /** The first `#inFlight` items are in flight. */
  readonly #items: T[] = []
  #inFlight = 0
  offered = 0
  acknowledged = 0
  readonly superseded = 0
  refused = 0

  offer(item: T): void {
    this.offered++
    this.#items.push(item)
  }

  get held(): number {
    return this.#items.length
  }

  /** Items that are not in flight. */
  get pending(): readonly T[] {
    return this.#items.slice(this.#inFlight)
  }

  get isReady(): boolean {
    return this.#inFlight < this.#items.length
  }

  take(): T | null {
    return this.isReady ? this.#items[this.#inFlight++] : null
  }

  acknowledge(): void {
    this.#items.shift()
    this.#inFlight--
    this.acknowledged++
  }

  fail(): void {
    this.#inFlight = 0
  }

  /** Removes the item: it would block those behind it for ever. */
  refuse(): T {
    this.#inFlight = 0
    this.refused++
    return this.#items.shift() as T
  }
}
