import { isUtf8 } from 'node:buffer'
import { RefusedError } from './errors.js'

const end = () =>
  new RefusedError(
    'truncated',
    'the record ends in the middle of a field; it was cut off or is not Avro of this schema',
  )
const range = () => new RefusedError('limit', 'a number is beyond 2^53, or a varint longer than 10 bytes')

/**
 * Avro's binary decoding of bytes that anybody may have written. Nothing is allocated on the word of the bytes: a length or a
 * count is believed only as far as there are bytes left to hold it.
 *
 * The fields are public because the hot loops of `read.ts` work on them directly.
 */
export class BytesReader {
  buffer: Buffer = Buffer.alloc(0)
  position = 0

  reset(buffer: Buffer, position = 0): void {
    this.buffer = buffer
    this.position = position
  }

  get left(): number {
    return this.buffer.length - this.position
  }

  /** A long that fits a double without loss. */
  long(): number {
    const value = this.anyLong()
    if (!Number.isSafeInteger(value)) throw range()
    return value
  }

  /** Any 64-bit long; beyond 2^53 the nearest double. */
  anyLong(): number {
    const { buffer } = this
    let byte = buffer[this.position++]
    // Undefined beyond the end: every comparison with it is false, so that one check at the end suffices.
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let low = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      byte = buffer[this.position++]
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1)
    }
    let high = 0
    let scale = 1
    for (let i = 4; i < 10; i++) {
      byte = buffer[this.position++]
      if (byte === undefined) throw end()
      high += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (i === 9 && byte > 1) throw range()
        const magnitude = (low >>> 1) + high * 0x8000000
        return low & 1 ? -magnitude - 1 : magnitude
      }
      scale *= 128
    }
    throw range()
  }

  /** @param atLeast the fewest bytes one item takes: what is left must hold the count of them */
  count(limit: number, atLeast: number, what: string): number {
    let n = this.long()
    if (n < 0) {
      n = -n
      const size = this.long() // the block's size in bytes, for readers that skip
      if (size < 0 || size > this.left) throw end()
    }
    if (n > limit) throw new RefusedError('limit', `more ${what} than the limit of ${limit}`)
    if (n * atLeast > this.left) throw end()
    return n
  }

  length(limit: number, what: string): number {
    const n = this.long()
    if (n < 0) throw new RefusedError('truncated', `${what} has a negative length`)
    if (n > limit) throw new RefusedError('limit', `${what} of ${n} bytes is over the limit of ${limit}`)
    if (n > this.left) throw end()
    return n
  }

  string(limit: number, what: string): string {
    const n = this.length(limit, what)
    const bytes = this.buffer.subarray(this.position, this.position + n)
    if (!isUtf8(bytes)) throw new RefusedError('label', `${what} is not valid UTF-8`)
    this.position += n
    return bytes.toString('utf8')
  }

  skip(bytes: number): void {
    if (bytes > this.left) throw end()
    this.position += bytes
  }

  double(): number {
    if (this.left < 8) throw end()
    const value = this.buffer.readDoubleLE(this.position)
    this.position += 8
    return value
  }

  boolean(): boolean {
    const byte = this.buffer[this.position++]
    if (byte === undefined) throw end()
    if (byte > 1) throw new RefusedError('truncated', 'a boolean is neither 0 nor 1')
    return byte === 1
  }

  /** To be called where varints may have run past the end. */
  finish(): void {
    if (this.position > this.buffer.length) throw end()
    if (this.position < this.buffer.length) {
      throw new RefusedError('truncated', `${this.left} bytes follow the last field`)
    }
  }
}
