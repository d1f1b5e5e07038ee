import { ARRAY_BYTES } from './sizes.js'

/** Maximum bytes of pooled arrays. */
const MAX_ARRAY_BYTES = 16 * 1024 * 1024
const MAX_RAWS = 32
const MAX_RAW_BYTES = 4 * 1024 * 1024

/** Maximum number of different lengths, including those without arrays. */
const MAX_LENGTHS = 4096
/** Estimated heap of an entry for a length, with its list. */
const LENGTH_BYTES = 120

/**
 * Arrays of released snapshots, reused for the values of the next ones. Above the limit, arrays of
 * the length that was added first are dropped: its layout may no longer be in use.
 */
export class ArrayPool {
  readonly #free = new Map<number, Float64Array[]>()
  #bytes = 0
  #arrays = 0

  get bytes(): number {
    return this.#bytes
  }

  get heap(): number {
    return ARRAY_BYTES * this.#arrays + LENGTH_BYTES * this.#free.size
  }

  clear(): void {
    this.#free.clear()
    this.#bytes = 0
    this.#arrays = 0
  }

  /**
   * Removes and returns an array of that length, with arbitrary content; undefined if there is
   * none.
   */
  reuse(length: number): Float64Array | undefined {
    const array = this.#free.get(length)?.pop()
    if (array) this.#remove(array)
    return array
  }

  /** Adds an array, which must have no readers. */
  recycle(array: Float64Array): void {
    const arrays = this.#free.get(array.length)
    if (arrays) arrays.push(array)
    else this.#free.set(array.length, [array])
    this.#bytes += array.byteLength
    this.#arrays++
    while (this.#bytes > MAX_ARRAY_BYTES || this.#free.size > MAX_LENGTHS) this.#dropFirst()
  }

  #dropFirst(): void {
    const [[length, arrays]] = this.#free
    const array = arrays.pop()
    if (array) this.#remove(array)
    if (arrays.length === 0) this.#free.delete(length)
  }

  #remove(array: Float64Array): void {
    this.#bytes -= array.byteLength
    this.#arrays--
  }
}

/** Bytes of a new buffer for a copy. One of the pool is larger, and counted before. */
export const rawBytes = (length: number): number => length + (length >> 4)

/**
 * Buffers for undecoded copies of records. A replay supersedes most copies at once; a new buffer
 * for each would be hundreds of megabytes of garbage per second.
 */
export class RawPool {
  #free: Buffer[] = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  get heap(): number {
    return ARRAY_BYTES * this.#free.length
  }

  clear(): void {
    this.#free = []
    this.#bytes = 0
  }

  copy(bytes: Uint8Array): Buffer {
    for (let i = this.#free.length - 1; i >= 0; i--) {
      const buffer = this.#free[i]
      // A much larger buffer would waste memory.
      if (buffer.length < bytes.length || buffer.length > 2 * bytes.length + 256) continue
      this.#free[i] = this.#free[this.#free.length - 1]
      this.#free.pop()
      this.#bytes -= buffer.length
      buffer.set(bytes)
      return buffer.subarray(0, bytes.length)
    }
    // Not from Node's shared pool: a slice of it retains the whole pool.
    const buffer = Buffer.allocUnsafeSlow(rawBytes(bytes.length))
    buffer.set(bytes)
    return buffer.subarray(0, bytes.length)
  }

  /** Adds the buffer of a copy, which must have no readers. */
  recycle(raw: Buffer): void {
    const { byteLength } = raw.buffer
    if (this.#free.length >= MAX_RAWS || this.#bytes + byteLength > MAX_RAW_BYTES) return
    this.#free.push(Buffer.from(raw.buffer))
    this.#bytes += byteLength
  }
}
