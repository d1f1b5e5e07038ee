/** Seconds of pushes that a client may send at once after a pause. */
const BURST_S = 10
const MAX_CLIENTS = 10_000

interface Bucket {
  tokens: number
  /** Monotonic ms of the last change. */
  at: number
}

/**
 * Pushes per second by client address. At most 10,000 addresses are remembered, those that pushed
 * last: a bucket that is forgotten is full again.
 */
export class ClientRates {
  /** In the order of the last push. */
  readonly #buckets = new Map<string, Bucket>()
  readonly #burst: number

  /** @param perSecond pushes per second and address */
  constructor(private readonly perSecond: number) {
    this.#burst = Math.max(1, perSecond * BURST_S)
  }

  /**
   * Counts a push.
   *
   * @param now monotonic ms
   * @returns 0 if the rate allows it, else the seconds until it will
   */
  wait(address: string, now: number): number {
    const bucket = this.#take(address, now)
    const full = this.#burst
    bucket.tokens = Math.min(full, bucket.tokens + ((now - bucket.at) / 1000) * this.perSecond)
    bucket.at = now
    if (bucket.tokens < 1) return (1 - bucket.tokens) / this.perSecond
    bucket.tokens--
    return 0
  }

  #take(address: string, now: number): Bucket {
    const bucket = this.#buckets.get(address) ?? { tokens: this.#burst, at: now }
    this.#buckets.delete(address)
    this.#buckets.set(address, bucket)
    if (this.#buckets.size > MAX_CLIENTS) {
      const [oldest] = this.#buckets.keys()
      this.#buckets.delete(oldest)
    }
    return bucket
  }
}
