/** Bytes of arrays that are kept: one snapshot each of many targets whose layouts differ in length. */
const MAX_ARRAY_BYTES = 16 * 1024 * 1024
const MAX_RAWS = 32
const MAX_RAW_BYTES = 4 * 1024 * 1024

/** Lengths for which a list is kept, empty or not. */
const MAX_LENGTHS = 4096

/**
 * Arrays of released snapshots, for the values of the next ones. When there are more than are kept, those of the length that
 * came up first go: it may be of a layout that nobody has any more.
 */
export class ArrayPool {
  readonly #free = new Map<number, Float64Array[]>()
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** An array of that length with whatever is in it, or undefined. */
  take(length: number): Float64Array | undefined {
    const array = this.#free.get(length)?.pop()
    if (array) this.#bytes -= array.byteLength
    return array
  }

  /** Nobody may read it any more. */
  give(array: Float64Array): void {
    const arrays = this.#free.get(array.length)
    if (arrays) arrays.push(array)
    else this.#free.set(array.length, [array])
    this.#bytes += array.byteLength
    while (this.#bytes > MAX_ARRAY_BYTES || this.#free.size > MAX_LENGTHS) this.#dropFirst()
  }

  #dropFirst(): void {
    const [[length, arrays]] = this.#free
    const array = arrays.pop()
    if (array) this.#bytes -= array.byteLength
    if (arrays.length === 0) this.#free.delete(length)
  }
}

/**
 * Copies of records that wait to be decoded. A replay supersedes most of them at once, so that the bytes of one are
 * written over those of another: a fresh buffer for each would be hundreds of megabytes of garbage in a second.
 */
export class RawPool {
  readonly #free: Buffer[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  copy(bytes: Uint8Array): Buffer {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const whole = this.#free[i]
      // A much larger one would be held for a few bytes.
      if (whole.length < bytes.length || whole.length > 2 * bytes.length + 256) continue
      this.#free[i] = this.#free[this.#free.length - 1]
      this.#free.pop()
      this.#bytes -= whole.length
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
    const { byteLength } = raw.buffer
    if (this.#free.length >= MAX_RAWS || this.#bytes + byteLength > MAX_RAW_BYTES) return
    this.#free.push(Buffer.from(raw.buffer))
    this.#bytes += byteLength
  }
}
