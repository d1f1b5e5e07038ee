/** Buffers that are kept, and bytes of one that is. */
const MAX_KEPT = 16
const MAX_KEPT_BYTES = 256 * 1024
const LEAST_BYTES = 32 * 1024

/**
 * Buffers of request bodies, used again when a request was answered: new ones for each request
 * would be memory outside of the heap, of which the garbage collector runs for each 20 MB.
 */
export class BodyBuffers {
  readonly #free: Buffer[] = []

  /** A copy of the body, until `release`. */
  copy(body: Buffer): Buffer {
    const { length } = body
    const free = this.#free.pop()
    const buffer = free && free.length >= length ? free : allocate(length)
    buffer.set(body)
    return buffer.subarray(0, length)
  }

  /** Nothing reads the copy any more. */
  release({ buffer }: Buffer): void {
    if (this.#free.length < MAX_KEPT && buffer.byteLength <= MAX_KEPT_BYTES)
      this.#free.push(Buffer.from(buffer))
  }
}

const allocate = (length: number): Buffer =>
  Buffer.allocUnsafeSlow(Math.max(LEAST_BYTES, 2 ** Math.ceil(Math.log2(length))))
