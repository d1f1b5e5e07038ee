import { isUtf8 } from 'node:buffer'
import { RefusedError } from './errors.js'

const outOfRange = () =>
  new RefusedError(
    'limit',
    'an integer is beyond ±(2^53 - 1) or has more than 10 bytes; write it as an Avro long within these bounds',
  )

/**
 * Avro's binary decoding of untrusted bytes. Lengths and counts are accepted only if enough bytes
 * remain for them, so they cannot cause an allocation.
 *
 * The fields are public because hot loops in other files use them directly.
 *
 * @see https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
 */
export class BytesReader {
  buffer: Buffer = Buffer.alloc(0)
  position = 0

  /** @param what name of the input for messages */
  constructor(readonly what: 'record' | 'layout' = 'record') {}

  reset(buffer: Buffer, position = 0): void {
    this.buffer = buffer
    this.position = position
  }

  get remaining(): number {
    return this.buffer.length - this.position
  }

  /** The error for input that ends too early. */
  truncated(): RefusedError {
    return new RefusedError(
      'truncated',
      `the ${this.what} ends within a field; write it completely, with the documented Avro schema`,
    )
  }

  /** A long that a double can hold exactly. */
  long(): number {
    const value = this.anyLong()
    if (!Number.isSafeInteger(value)) throw outOfRange()
    return value
  }

  /** Any 64-bit long in any valid encoding; beyond ±2^53 the nearest double. */
  anyLong(): number {
    const { buffer } = this
    let byte = buffer[this.position++]
    // Beyond the end, `byte` is undefined and every comparison false: one check at the end
    // suffices.
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
      if (byte === undefined) throw this.truncated()
      high += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (i === 9 && byte > 1) throw outOfRange()
        // One addition, so one rounding: for negative values, the 1 of zigzag is added first.
        const magnitude = (low >>> 1) + (low & 1) + high * 0x8000000
        return low & 1 ? -magnitude : magnitude
      }
      scale *= 128
    }
    throw outOfRange()
  }

  /**
   * Number of items of a block.
   *
   * @param seen number of items in earlier blocks
   * @param minItemBytes fewest bytes of an item: the remaining bytes must hold all of them
   */
  count(limit: number, seen: number, minItemBytes: number, what: string): number {
    let n = this.long()
    if (n < 0) {
      n = -n
      const size = this.long() // the block's size in bytes, for readers that skip
      if (size < 0 || size > this.remaining) throw this.truncated()
    }
    if (n > limit - seen) {
      throw new RefusedError(
        'limit',
        `${seen + n} ${what} are over the limit of ${limit}; expose fewer`,
      )
    }
    if (n * minItemBytes > this.remaining) throw this.truncated()
    return n
  }

  length(limit: number, what: string): number {
    const n = this.long()
    if (n < 0)
      throw new RefusedError(
        'truncated',
        `${what} has a negative length; write its number of bytes`,
      )
    if (n > limit)
      throw new RefusedError(
        'limit',
        `${what} of ${n} bytes is over the limit of ${limit}; shorten it`,
      )
    if (n > this.remaining) throw this.truncated()
    return n
  }

  string(limit: number, what: string): string {
    const n = this.length(limit, what)
    const { buffer, position } = this
    const to = position + n
    this.position = to
    let at = position
    while (at < to && buffer[at] < 0x80) at++
    if (at === to) return buffer.toString('latin1', position, to)
    if (isUtf8(buffer.subarray(position, to))) return buffer.toString('utf8', position, to)
    throw new RefusedError('label', `${what} is not valid UTF-8; encode it as UTF-8`)
  }

  skip(bytes: number): void {
    if (bytes > this.remaining) throw this.truncated()
    this.position += bytes
  }

  double(): number {
    if (this.remaining < 8) throw this.truncated()
    const value = this.buffer.readDoubleLE(this.position)
    this.position += 8
    return value
  }

  boolean(): boolean {
    const byte = this.buffer[this.position++]
    if (byte === undefined) throw this.truncated()
    if (byte > 1)
      throw new RefusedError('truncated', 'a boolean is neither 0 nor 1; write one byte, 0 or 1')
    return byte === 1
  }

  /** A union of null and another type: whether the value is present. */
  option(what: string): boolean {
    const branch = this.long()
    if (branch === 0 || branch === 1) return branch === 1
    throw new RefusedError(
      'truncated',
      `${what}: the union has no branch ${branch}; write 0 for null, or 1`,
    )
  }

  expectEnd(): void {
    if (this.remaining === 0) return
    throw new RefusedError(
      'truncated',
      `${this.remaining} bytes follow the last field of the ${this.what}; remove them`,
    )
  }
}
