/** Times to wait between attempts, which double from the least to the most. */
export class Backoff {
  #ms: number
  #atLeast = 0

  constructor(
    private readonly options: { readonly minBackoffMs: number; readonly maxBackoffMs: number },
  ) {
    this.#ms = options.minBackoffMs
  }

  /** The receiver asks for a pause, ms. It holds for the next wait. */
  ask(ms: number): void {
    this.#atLeast = ms
  }

  /** Ms to wait now. */
  next(): number {
    const ms = Math.max(this.#ms, this.#atLeast)
    this.#ms = Math.min(this.options.maxBackoffMs, 2 * this.#ms)
    this.#atLeast = 0
    return ms
  }

  reset(): void {
    this.#ms = this.options.minBackoffMs
    this.#atLeast = 0
  }
}
