import type { TargetQueue } from './target-queue.js'

/** Everything that is offered, in its order; several may be in flight at once. What bounds it is the caller's. */
export class OrderedQueue<T> implements TargetQueue<T> {
  /** The first `#flying` of them are in flight. */
  readonly #items: T[] = []
  #flying = 0
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

  /** What is not in flight. */
  get waiting(): readonly T[] {
    return this.#items.slice(this.#flying)
  }

  get ready(): boolean {
    return this.#flying < this.#items.length
  }

  take(): T | null {
    return this.ready ? this.#items[this.#flying++] : null
  }

  acknowledge(): void {
    this.#items.shift()
    this.#flying--
    this.acknowledged++
  }

  fail(): void {
    this.#flying = 0
  }

  /** Given up: what stands behind it would never be sent. */
  refuse(): T {
    this.#flying = 0
    this.refused++
    return this.#items.shift() as T
  }
}
