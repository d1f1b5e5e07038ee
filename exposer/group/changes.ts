import { nextTurn } from '../../shared/base/scheduling.js'

/** Waiters woken in one turn of the event loop: each may go on to render a target. */
const WOKEN_PER_TURN = 16

/**
 * What requests wait for when nothing can be said yet: that something about this shard's partitions changes.
 *
 * A wake-up says only "look again". After a rebalance thousands of requests may wait; they are woken a few per turn of the
 * event loop, in the order they came, so that none of what follows blocks it.
 */
export class Changes {
  #waiting = new Set<() => void>()
  #waking: (() => void)[] = []
  #isWaking = false
  #closed = false

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Whoever waits, or would from now on, does not any more. */
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

  /**
   * Resolves at the next change, after `ms`, or when `signal` is aborted, whichever is first.
   */
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
      for (const wake of this.#waking.splice(0, WOKEN_PER_TURN)) wake()
    }
    this.#isWaking = false
  }
}
