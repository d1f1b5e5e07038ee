/**
 * Work on new layouts, in steps of some tenths of a millisecond. The longest layouts within the
 * default limits take a few thousand.
 */
export interface LayoutAllowance {
  /** Steps per second of log time, in the long run. */
  readonly perSecond: number
  /** Steps that may be taken at once after a pause. */
  readonly burst: number
}

/**
 * Limits the work on new layouts, refused ones included, in log time. Every shard that reads the
 * same records decides the same.
 *
 * A layout is read whole, so that the last one may exceed the budget: then nothing is allowed until
 * the excess has been made up for.
 */
export class LayoutBudget {
  #left: number
  #at = Number.NEGATIVE_INFINITY

  constructor(private readonly allowance: LayoutAllowance) {
    this.#left = allowance.burst
  }

  /** Whether another layout may be read. @param time log time, ms */
  allows(time: number): boolean {
    this.#refill(time)
    return this.#left > 0
  }

  /** @param time log time, ms */
  spend(steps: number, time: number): void {
    this.#refill(time)
    this.#left -= steps
  }

  #refill(time: number): void {
    const { perSecond, burst } = this.allowance
    if (!(time > this.#at)) return
    // Infinite before the first use.
    this.#left = Math.min(burst, this.#left + ((time - this.#at) / 1000) * perSecond)
    this.#at = time
  }
}
