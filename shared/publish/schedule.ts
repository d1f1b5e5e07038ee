import { murmur2 } from '../base/murmur2.js'

/**
 * When snapshots are taken: at wall-clock multiples of the interval plus an offset that the target's key decides. A restart keeps
 * the rhythm, a fleet that starts at once is spread, and timers that fire late do not drift.
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
   * Unix ms of the first tick after `wall`, and after the tick `previous`: a timer may fire a millisecond before its tick is
   * due, and no tick comes twice. Unless the clock was set back: the rhythm of before is then worth nothing.
   */
  after(wall: number, previous = Number.NEGATIVE_INFINITY): number {
    const { intervalMs } = this
    const from = previous - wall < intervalMs / 2 ? Math.max(wall, previous) : wall
    return Math.floor((from - this.#offset) / intervalMs) * intervalMs + intervalMs + this.#offset
  }

  /**
   * Milliseconds to wait for the tick that is due at `tick`. Never more than one and a half intervals, whatever the clock says:
   * the first half is the tick that a timer was early for.
   */
  wait(tick: number, wall: number): number {
    return Math.min(Math.max(0, tick - wall), this.intervalMs * 1.5)
  }
}
