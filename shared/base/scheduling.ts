import { setImmediate } from 'node:timers/promises'

/**
 * Yields the event loop: resolves in its next turn, after pending input and due timers.
 *
 * No other module yields the event loop. Everything that limits the work of a turn uses this
 * function.
 */
export function nextTurn(): Promise<void> {
  return setImmediate()
}

/**
 * Maximum work of one turn, ms. The limit of a turn is 10 ms; the rest is for the step during which
 * this time elapses.
 */
export const SLICE_MS = 5

/** Measures the work of one turn. */
export class Slice {
  #start: number

  /**
   * @param ms maximum work of a turn
   * @param mono monotonic clock, ms
   */
  constructor(
    private readonly ms = SLICE_MS,
    private readonly mono: () => number = () => performance.now(),
  ) {
    this.#start = mono()
  }

  /** Whether it is time to yield the event loop. @param now monotonic ms, if the caller has it */
  isOver(now: number = this.mono()): boolean {
    return now - this.#start >= this.ms
  }

  /** Yields the event loop and restarts the measurement. */
  async next(): Promise<void> {
    await nextTurn()
    this.restart()
  }

  /** Restarts the measurement after the event loop was yielded for another reason. */
  restart(): void {
    this.#start = this.mono()
  }
}
