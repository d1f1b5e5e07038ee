/** A wait that can be ended early by `wake`, also before it begins. */
export class Wakeup {
  #woken = false
  #end: (() => void) | null = null

  /** Ends the current wait, or the next one if there is none. */
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

/** Exponential backoff with jitter, so that clients that failed together do not retry together. */
export class Backoff {
  #failures = 0

  constructor(
    readonly initialMs: number,
    readonly maxMs: number,
  ) {}

  /** Failures since the last reset. */
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
