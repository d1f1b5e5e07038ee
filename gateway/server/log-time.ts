/** Answers count for one to two windows, ms. */
const WINDOW_MS = 60_000

/**
 * Log time over all partitions of a topic: the greatest append time that the brokers have told,
 * carried on with a monotonic clock. A broker whose clock is behind those of others refuses nothing.
 * Old answers are forgotten, because clocks drift.
 */
export class LogTime {
  /** Append time minus monotonic time, the greatest of this window and of the one before. */
  #current = Number.NEGATIVE_INFINITY
  #previous = Number.NEGATIVE_INFINITY
  #windowStart = Number.NEGATIVE_INFINITY
  #toldAt = Number.NEGATIVE_INFINITY

  /** @param time append time, Unix ms; −1 if the topic has CreateTime; @param mono monotonic ms */
  observe(time: number, mono: number): void {
    if (time < 0) return
    this.#toldAt = mono
    if (mono - this.#windowStart >= WINDOW_MS) {
      this.#previous = this.#current
      this.#current = Number.NEGATIVE_INFINITY
      this.#windowStart = mono
    }
    this.#current = Math.max(this.#current, time - mono)
  }

  /** Unix ms; Infinity before the first answer. */
  at(mono: number): number {
    const offset = Math.max(this.#previous, this.#current)
    return offset === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : offset + mono
  }

  /** Time since the last answer, ms; Infinity before the first one. */
  age(mono: number): number {
    return mono - this.#toldAt
  }
}
