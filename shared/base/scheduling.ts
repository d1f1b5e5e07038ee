import { setImmediate } from 'node:timers/promises'

/**
 * Yields the event loop: resolves in its next turn, when input and timers that are due have been served.
 *
 * The only place that does so; what decides how much work is done in a turn stands on it.
 */
export function nextTurn(): Promise<void> {
  return setImmediate()
}

/**
 * Work of one turn, ms. No turn may take more than 10 ms, and whoever checks the time after each step exceeds this by
 * one step.
 */
export const SLICE_MS = 5

/** The work of one turn, by how long it has taken. */
export class Slice {
  #start: number

  /** @param mono monotonic ms, as `over` takes it */
  constructor(
    private readonly ms = SLICE_MS,
    private readonly mono: () => number = () => performance.now(),
  ) {
    this.#start = mono()
  }

  /** Whether it is time to yield the event loop. @param now for callers that know the time already */
  isOver(now: number = this.mono()): boolean {
    return now - this.#start >= this.ms
  }

  /** Yields the event loop and begins anew. */
  async next(): Promise<void> {
    await nextTurn()
    this.restart()
  }

  /** Begins anew, when the event loop was yielded for another reason. */
  restart(): void {
    this.#start = this.mono()
  }
}
