/** Log time that goes back by less than this is late delivery, not another clock. */
const JITTER_MS = 1_000

/**
 * Log time, carried on with a monotonic clock between records. Pure.
 *
 * It follows the state machine: a leader whose clock is behind adds no time to it. It does not go
 * back by the milliseconds by which one record was delivered later than another.
 */
export class LogClock {
  #time = 0
  #mono = 0
  #last = 0

  /**
   * @param time log time of the state machine, Unix ms
   * @param mono when its last record was applied, monotonic ms
   */
  observe(time: number, mono: number): void {
    this.#time = time
    this.#mono = mono
  }

  /** Log time, Unix ms. @param mono monotonic ms */
  now(mono: number): number {
    const time = this.#time + Math.max(0, mono - this.#mono)
    const behind = this.#last - time
    if (behind <= 0 || behind >= JITTER_MS) this.#last = time
    return this.#last
  }
}
