import { nextTurn } from '../../shared/base/scheduling.js'

/** Held requests resumed per turn of the event loop: each may render a target. */
const RESUMED_PER_TURN = 16

/**
 * Notifies held requests of changes of ownership. A resumed request checks again whether it can be
 * answered.
 *
 * After a rebalance thousands of requests may be held. They are resumed in order of arrival, a few
 * per turn, so that rendering their responses does not block the event loop.
 */
export class Changes {
  #waiting = new Set<() => void>()
  #waking: (() => void)[] = []
  #isWaking = false
  #closed = false

  /** Number of waiting requests. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Ends all waits, and all future ones at once. */
  close(): void {
    this.#closed = true
    this.notify()
  }

  get closed(): boolean {
    return this.#closed
  }

  notify(): void {
    if (!this.#waiting.size) return
    this.#waking.push(...this.#waiting)
    this.#waiting.clear()
    if (!this.#isWaking) void this.#wake()
  }

  /** Resolves at the next change, after `ms`, or when `signal` is aborted, whichever is first. */
  next(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted || ms <= 0) return Promise.resolve()
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done, { once: true })
      this.#waiting.add(done)
    })
  }

  async #wake(): Promise<void> {
    this.#isWaking = true
    while (this.#waking.length > 0) {
      await nextTurn()
      for (const wake of this.#waking.splice(0, RESUMED_PER_TURN)) wake()
    }
    this.#isWaking = false
  }
}
