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

  #turn(mono: number): void {
    const bucket = Math.max(0, Math.floor(mono / BUCKET_MS))
    if (bucket <= this.#bucket) return
    const stale = Math.min(BUCKETS, this.#bucket < 0 ? BUCKETS : bucket - this.#bucket)
    for (let i = 0; i < stale; i++) this.#buckets[(bucket - i) % BUCKETS] = Number.NEGATIVE_INFINITY
    this.#bucket = bucket
  }
}
