/** Least limit: a receiver that refuses whatever it gets would otherwise get a request per sample. */
const LEAST = 10
/** Interval at which the limit grows again, ms, and by what. */
const RECOVER_MS = 60_000
const RECOVERY = 1.25

/**
 * Number of samples in a request that a receiver does not refuse as too large: half of the least
 * that it has refused. It grows slowly, because a proxy with a limit may be gone. Pure: it is handed
 * the time.
 */
export class RequestSize {
  #limit: number
  /** Monotonic ms of the last change. */
  #changedAt = 0

  /** @param max samples */
  constructor(private readonly max: number) {
    this.#limit = max
  }

  get limit(): number {
    return this.#limit
  }

  /**
   * The receiver refused a request with so many samples as too large.
   *
   * @param now monotonic ms
   * @returns whether the limit is lower than before
   */
  refused(samples: number, now: number): boolean {
    this.#changedAt = now
    const limit = Math.min(this.max, Math.max(LEAST, samples >> 1))
    if (limit >= this.#limit) return false
    this.#limit = limit
    return true
  }

  /** A request was stored. @param now monotonic ms */
  stored(now: number): void {
    if (this.#limit === this.max || now - this.#changedAt < RECOVER_MS) return
    this.#changedAt = now
    this.#limit = Math.min(this.max, Math.ceil(this.#limit * RECOVERY))
  }
}
