const LARGEST = 8192
const SMALLEST = 64
/** Bytes of the page per entry. */
const BYTES_PER_ENTRY = 32

/** Random, so that the author of a page cannot provoke collisions. */
const SECRET = Math.floor(Math.random() * 2 ** 31) | 1
export const HASH_START = Math.floor(Math.random() * 2 ** 31)

/** One step of a hash of bytes. Hashes differ between processes. */
export const hashByte = (hash: number, byte: number): number => Math.imul(hash ^ byte, SECRET)

/**
 * Maps runs of bytes of a page to what was read from them. Of two runs in one slot the later one is
 * kept. So both its size and the cost of a lookup are bounded, whatever the page contains.
 */
export class ByteCache<T> {
  readonly #mask: number
  readonly #starts: Int32Array
  readonly #ends: Int32Array
  readonly #values: (T | undefined)[]

  constructor(readonly page: Buffer) {
    let size = SMALLEST
    while (size < LARGEST && size * BYTES_PER_ENTRY < page.length) size *= 2
    this.#mask = size - 1
    this.#starts = new Int32Array(size)
    this.#ends = new Int32Array(size)
    this.#values = new Array(size).fill(undefined)
  }

  get(hash: number, start: number, end: number): T | undefined {
    const slot = (hash ^ (hash >>> 15)) & this.#mask
    const first = this.#starts[slot]
    if (this.#ends[slot] - first !== end - start) return undefined
    const { page } = this
    for (let i = start, j = first; i < end; i++, j++) if (page[i] !== page[j]) return undefined
    return this.#values[slot]
  }

  set(hash: number, start: number, end: number, value: T): void {
    const slot = (hash ^ (hash >>> 15)) & this.#mask
    this.#starts[slot] = start
    this.#ends[slot] = end
    this.#values[slot] = value
  }
}
