import { murmur2 } from '../shared/snapshot/murmur2.js'

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

  /** Unix ms of the first tick after `wall`. */
  after(wall: number): number {
    const { intervalMs } = this
    return Math.floor((wall - this.#offset) / intervalMs) * intervalMs + intervalMs + this.#offset
  }

  /**
   * Milliseconds to wait for the tick that is due at `tick`. Never more than an interval: the clock may have been set back, and
   * the rhythm of before is then worth nothing.
   */
  wait(tick: number, wall: number): number {
    return Math.min(Math.max(0, tick - wall), this.intervalMs)
  }
}
