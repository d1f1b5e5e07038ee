import { nextTurn } from '../base/scheduling.js'

/** A wait that somebody else can end early, also before it begins. */
export class Wakeup {
  #woken = false
  #end: (() => void) | null = null

  /** Ends the wait under way, or the next one. */
  wake(): void {
    this.#woken = true
    this.#end?.()
  }

  async wait(ms: number): Promise<void> {
    if (!this.#woken && ms > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, ms)
        this.#end = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#end = null
    }
    this.#woken = false
  }
}

/** Doubling delays with jitter, so that what failed together does not come back together. */
export class Backoff {
  #failures = 0

  constructor(
    readonly initialMs: number,
    readonly maxMs: number,
  ) {}

  /** Since the last reset. */
  get failures(): number {
    return this.#failures
  }

  reset(): void {
    this.#failures = 0
  }

  /** The next delay in milliseconds. */
  next(): number {
    const delay = Math.min(this.maxMs, this.initialMs * 2 ** Math.min(this.#failures++, 20))
    return delay * (0.5 + Math.random() / 2)
  }
}

/** Gives the event loop a turn whenever `budgetMs` have passed without one. */
export class Pacer {
  #since = 0

  constructor(
    readonly budgetMs: number,
    readonly mono: () => number,
  ) {}

  /** To be awaited between pieces of work. */
  async yieldIfDue(): Promise<void> {
    if (this.mono() - this.#since >= this.budgetMs) await this.yieldNow()
  }

  /** Ends this turn in any case: what comes next has the delay budget. */
  async yieldNow(): Promise<void> {
    await nextTurn()
    this.#since = this.mono()
  }
}
