const LARGEST = 8192
const SMALLEST = 64
/** One entry for so many bytes of the page. */
const BYTES_PER_ENTRY = 32

/** Who writes a page cannot tell which bytes have the same hash. */
const SECRET = Math.floor(Math.random() * 2 ** 31) | 1
export const HASH_START = Math.floor(Math.random() * 2 ** 31)

/** One step of the hash of a run of bytes, which differs from process to process. */
export const hashByte = (hash: number, byte: number): number => Math.imul(hash ^ byte, SECRET)

/**
 * What was made of a run of the page's bytes, for the next time that the same bytes come. Of two runs with the same slot the
 * later one stays: its size and the cost of a look-up are bounded whatever the page holds.
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
