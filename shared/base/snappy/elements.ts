import { malformed } from './error.js'

/** Literals up to this length are copied by a loop, because a call of `set` costs more. */
const SHORT = 48

/**
 * Decodes the elements of one block, without its length, into a range of a larger output. Decoding
 * is resumable, so that a caller can yield the event loop.
 *
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */
export class Elements {
  #read: number
  #written: number

  /**
   * @param input holds the elements from `from` (inclusive) to `to` (exclusive)
   * @param output receives exactly the bytes from `start` (inclusive) to `end` (exclusive)
   */
  constructor(
    private readonly input: Uint8Array,
    from: number,
    private readonly to: number,
    private readonly output: Uint8Array,
    private readonly start: number,
    private readonly end: number,
  ) {
    this.#read = from
    this.#written = start
  }

  /**
   * Decodes about `bytes` more bytes of output.
   *
   * @returns whether the block is complete
   * @throws SnappyError (`malformed`)
   */
  advance(bytes: number): boolean {
    const { input, to, output, start, end } = this
    const stop = Math.min(end, this.#written + bytes)
    let s = this.#read
    let d = this.#written
    while (s < to && d < stop) {
      const tag = input[s++]
      const kind = tag & 3
      if (kind === 0) {
        let length = (tag >>> 2) + 1
        if (length > 60) {
          const size = length - 60
          if (size > to - s) throw truncated()
          length = littleEndian(input, s, size) + 1
          s += size
        }
        if (length > to - s) throw truncated()
        if (length > end - d) throw overflow()
        if (length > SHORT) {
          output.set(input.subarray(s, s + length), d)
          s += length
          d += length
        } else for (const last = s + length; s < last; ) output[d++] = input[s++]
        continue
      }
      let length: number
      let offset: number
      if (kind === 1) {
        if (s >= to) throw truncated()
        length = 4 + ((tag >>> 2) & 7)
        offset = ((tag & 0xe0) << 3) | input[s++]
      } else {
        const size = kind === 2 ? 2 : 4
        if (size > to - s) throw truncated()
        length = 1 + (tag >>> 2)
        offset = kind === 2 ? input[s] | (input[s + 1] << 8) : littleEndian(input, s, 4)
        s += size
      }
      if (offset === 0 || offset > d - start)
        throw malformed(`a copy refers ${offset} bytes back, after ${d - start} bytes of output`)
      if (length > end - d) throw overflow()
      // Source and destination may overlap: a copy can read bytes that it has just written.
      for (const last = d + length; d < last; d++) output[d] = output[d - offset]
    }
    this.#read = s
    this.#written = d
    if (s < to) {
      if (d === end) throw overflow()
      return false
    }
    if (d < end) throw truncated()
    return true
  }
}

function littleEndian(input: Uint8Array, at: number, size: number): number {
  let value = 0
  for (let i = size - 1; i >= 0; i--) value = value * 256 + input[at + i]
  return value
}

const truncated = () => malformed('the compressed data ends before the declared length is reached')
const overflow = () => malformed('the compressed data exceeds the declared length')
