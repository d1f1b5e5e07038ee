const BUCKETS = 10
const BUCKET_MS = 60_000

/**
 * The maximum of the last ten minutes in constant memory: one bucket per minute, so that a value is
 * dropped after nine to ten minutes.
 */
export class WindowMax {
  readonly #buckets = new Float64Array(BUCKETS).fill(Number.NEGATIVE_INFINITY)
  #bucket = -1
  /** Maximum of the last value's bucket before that value, to retract it. */
  #before = Number.NEGATIVE_INFINITY
  #beforeBucket = -1

  /** @param mono monotonic ms, never less than before */
  add(value: number, mono: number): void {
    this.#turn(mono)
    const at = this.#bucket % BUCKETS
    this.#before = this.#buckets[at]
    this.#beforeBucket = this.#bucket
    if (value > this.#buckets[at]) this.#buckets[at] = value
  }

  /** Removes the last value. */
  retract(mono: number): void {
    this.#turn(mono)
    if (this.#beforeBucket < 0 || this.#bucket - this.#beforeBucket >= BUCKETS) return
    this.#buckets[this.#beforeBucket % BUCKETS] = this.#before
  }

  /** −Infinity without values. */
  max(mono: number): number {
    this.#turn(mono)
    let max = Number.NEGATIVE_INFINITY
    for (const value of this.#buckets) if (value > max) max = value
    return max
  }

  /** The values by age in minutes; null for none. */
  state(mono: number): (number | null)[] {
    this.#turn(mono)
    return Array.from({ length: BUCKETS }, (_, age) => {
      const value = this.#bucket < age ? Number.NEGATIVE_INFINITY : this.#at(age)
      return Number.isFinite(value) ? value : null
    })
  }

  /**
   * Adds the values of another one. Those from before this clock began count from its beginning.
   *
   * @param ages as from `state`
   */
  resume(ages: readonly (number | null)[], mono: number): void {
    this.#turn(mono)
    ages.slice(0, BUCKETS).forEach((value, age) => {
      const at = Math.max(0, this.#bucket - age) % BUCKETS
      if (value !== null && value > this.#buckets[at]) this.#buckets[at] = value
    })
  }

  #at(age: number): number {
    return this.#buckets[(this.#bucket - age) % BUCKETS]
  }

  #turn(mono: number): void {
    const bucket = Math.max(0, Math.floor(mono / BUCKET_MS))
    if (bucket <= this.#bucket) return
    const stale = Math.min(BUCKETS, this.#bucket < 0 ? BUCKETS : bucket - this.#bucket)
    for (let i = 0; i < stale; i++) this.#buckets[(bucket - i) % BUCKETS] = Number.NEGATIVE_INFINITY
    this.#bucket = bucket
  }
}
