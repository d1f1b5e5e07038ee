/**
 * Log time as the append times of a topic tell it, carried on with a monotonic clock. Nothing that
 * is appended may be much later: what comes from the future is refused.
 */
export class AppendBound {
  #time = Number.POSITIVE_INFINITY
  #mono = 0

  /** @param time append time that the brokers answered, Unix ms; @param mono monotonic ms */
  observe(time: number, mono: number): void {
    if (time < 0) return
    this.#time = time
    this.#mono = mono
  }

  /** Unix ms; Infinity before the first answer. @param mono monotonic ms */
  at(mono: number): number {
    return this.#time + (mono - this.#mono)
  }
}
