import { murmur2 } from '../base/murmur2.js'

/**
 * Collection times of a target: wall-clock multiples of the interval plus an offset derived from
 * its key. They stay the same after a restart, targets are spread over the interval, and late
 * timers cause no drift.
 */
export class Schedule {
  readonly #offset: number

  constructor(
    key: Uint8Array,
    readonly intervalMs: number,
  ) {
    this.#offset = (murmur2(key) >>> 0) % intervalMs
  }

  /**
   * Returns the first tick after `wall` and after the tick `previous`, in Unix ms. A timer may fire
   * a millisecond early, and must not repeat its tick. `previous` is ignored if the clock was set
   * back by half an interval or more.
   */
  after(wall: number, previous = Number.NEGATIVE_INFINITY): number {
    const { intervalMs } = this
    const from = previous - wall < intervalMs / 2 ? Math.max(wall, previous) : wall
    return Math.floor((from - this.#offset) / intervalMs) * intervalMs + intervalMs + this.#offset
  }

  /**
   * Returns the time to wait until `tick`, in ms. It is at most one and a half intervals, also if
   * the clock was set back. The half allows for the tick for which a timer fired early.
   */
  wait(tick: number, wall: number): number {
    return Math.min(Math.max(0, tick - wall), this.intervalMs * 1.5)
  }
}
