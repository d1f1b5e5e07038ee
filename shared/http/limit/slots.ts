/**
 * A number of slots, granted in order of arrival. Without timers and IO: a caller that waits for a
 * limited time cancels.
 */
export class Slots {
  #used = 0
  /** Callbacks of the waiting, in order of arrival. */
  readonly #waiting = new Set<() => void>()

  constructor(readonly max: number) {}

  get used(): number {
    return this.#used
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Takes a slot if one is free. A free slot implies that nobody waits. */
  tryAcquire(): boolean {
    if (this.#used >= this.max) return false
    this.#used++
    return true
  }

  /**
   * Waits for a slot. To be called after `tryAcquire` failed.
   *
   * @param granted called once, when the slot has been taken for the caller
   * @returns cancels the wait; no effect after `granted`
   */
  wait(granted: () => void): () => void {
    const waiter = () => granted()
    this.#waiting.add(waiter)
    return () => void this.#waiting.delete(waiter)
  }

  /** Gives a slot back, or on to the first that waits. */
  release(): void {
    const [next] = this.#waiting
    if (!next) {
      this.#used--
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
