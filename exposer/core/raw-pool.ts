const KEPT = 32

/**
 * Copies of records that wait to be decoded. A replay supersedes most of them at once, so that the bytes of one are
 * written over those of another: a fresh buffer for each would be hundreds of megabytes of garbage in a second.
 */
export class RawPool {
  readonly #free: Buffer[] = []

  /** Bytes kept for the next ones. */
  get bytes(): number {
    return this.#free.reduce((sum, buffer) => sum + buffer.length, 0)
  }

  copy(bytes: Uint8Array): Buffer {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const whole = this.#free[i]
      // A much larger one would be held for a few bytes.
      if (whole.length < bytes.length || whole.length > 2 * bytes.length + 256) continue
      this.#free[i] = this.#free[this.#free.length - 1]
      this.#free.pop()
      whole.set(bytes)
      return whole.subarray(0, bytes.length)
    }
    // Not of Node's shared pool: a slice of it would hold the whole.
    const whole = Buffer.allocUnsafeSlow(bytes.length + (bytes.length >> 4))
    whole.set(bytes)
    return whole.subarray(0, bytes.length)
  }

  /** Nobody may read it any more. */
  give(raw: Buffer): void {
    if (this.#free.length < KEPT) this.#free.push(Buffer.from(raw.buffer))
  }
}
