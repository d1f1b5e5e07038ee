/** A wait that somebody else can end early, also before it begins. */
export class Wakeup {
  #wanted = false
  #end: (() => void) | null = null

  /** Ends the wait under way, or the next one. */
  wake(): void {
    this.#wanted = true
    this.#end?.()
  }

  async wait(ms: number): Promise<void> {
    if (!this.#wanted && ms > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, ms)
        this.#end = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#end = null
    }
    this.#wanted = false
  }
}

/** Doubling delays with jitter, so that what failed together does not come back together. */
export class Backoff {
  #failures = 0

  constructor(
    readonly first: number,
    readonly most: number,
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
    const whole = Math.min(this.most, this.first * 2 ** Math.min(this.#failures++, 20))
    return whole * (0.5 + Math.random() / 2)
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
  async breathe(): Promise<void> {
    if (this.mono() - this.#since >= this.budgetMs) await this.turn()
  }

  /** Ends this turn in any case: what comes next has the whole budget. */
  async turn(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    this.#since = this.mono()
  }
}
