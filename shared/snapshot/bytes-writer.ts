/**
 * Avro's binary encoding into a growing buffer, as far as our schemas need it. Tests compare it
 * with avsc.
 *
 * @see https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
 */
export class BytesWriter {
  #buffer: Buffer
  #position = 0

  constructor(initialBytes = 4096) {
    this.#buffer = Buffer.allocUnsafe(initialBytes)
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#position
  }

  /** A copy of the written bytes. */
  toBuffer(from = 0, to = this.#position): Buffer {
    return Buffer.from(this.#buffer.subarray(from, to))
  }

  /** The written bytes without a copy. The writer must not be used afterwards. */
  take(): Buffer {
    return this.#buffer.subarray(0, this.#position)
  }

  /** Ensures capacity, so that the following writes need no check. */
  reserve(bytes: number): void {
    const needed = this.#position + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#position)
    this.#buffer = larger
  }

  /** @param value a safe integer */
  long(value: number): void {
    this.reserve(10)
    this.#position = putLong(this.#buffer, this.#position, value)
  }

  double(value: number): void {
    this.reserve(8)
    this.#position = this.#buffer.writeDoubleLE(value, this.#position)
  }

  boolean(value: boolean): void {
    this.reserve(1)
    this.#buffer[this.#position++] = value ? 1 : 0
  }

  string(value: string): void {
    if (value.length < 64 && this.#shortAscii(value)) return
    const bytes = Buffer.byteLength(value)
    this.long(bytes)
    this.reserve(bytes)
    this.#position += this.#buffer.write(value, this.#position, bytes, 'utf8')
  }

  /**
   * Most names and values are short ASCII: this loop is several times as fast as two native calls.
   */
  #shortAscii(value: string): boolean {
    const { length } = value
    this.reserve(length + 1)
    const buffer = this.#buffer
    const start = this.#position + 1
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return false
      buffer[start + i] = unit
    }
    buffer[start - 1] = length * 2
    this.#position = start + length
    return true
  }

  /** Bytes, preceded by their length. */
  bytes(value: Uint8Array): void {
    this.long(value.length)
    this.fixed(value)
  }

  /** Latin1 characters that are the bytes, preceded by their number. */
  latin1(text: string): void {
    this.long(text.length)
    this.reserve(text.length)
    this.#position += this.#buffer.write(text, this.#position, 'latin1')
  }

  /** Bytes without a length. */
  fixed(value: Uint8Array): void {
    this.reserve(value.length)
    this.#buffer.set(value, this.#position)
    this.#position += value.length
  }

  /**
   * An array of `long | double`: long if the value is a safe integer and not −0, which keeps a
   * sample under 4 bytes. At most 9 bytes per value: a tag and a double, or a tag and a varint of
   * 54 bits.
   */
  numbers(values: ArrayLike<number>): void {
    const count = values.length
    if (count > 0) this.long(count)
    this.reserve(count * 9 + 1)
    const buffer = this.#buffer
    let position = this.#position
    for (let i = 0; i < count; i++) {
      const value = values[i]
      if (Number.isSafeInteger(value) && !(value === 0 && 1 / value < 0)) {
        buffer[position++] = 0
        position = putLong(buffer, position, value)
      } else {
        buffer[position++] = 2
        position = buffer.writeDoubleLE(value, position)
      }
    }
    buffer[position++] = 0
    this.#position = position
  }
}

/** Zigzag and base 128. Beyond ±2^51, doubles cannot hold the zigzag value: BigInt computes it. */
function putLong(buffer: Buffer, start: number, value: number): number {
  let position = start
  if (value >= 0 ? value < 0x40000000 : value >= -0x40000000) {
    let z = (value << 1) ^ (value >> 31)
    while (z & ~0x7f) {
      buffer[position++] = (z & 0x7f) | 0x80
      z >>>= 7
    }
    buffer[position++] = z
    return position
  }
  if (value > 2 ** 51 || value < -(2 ** 51)) return putBigLong(buffer, position, BigInt(value))
  let z = value >= 0 ? value * 2 : -value * 2 - 1
  while (z >= 0x80) {
    buffer[position++] = (z % 128) | 0x80
    z = Math.floor(z / 128)
  }
  buffer[position++] = z
  return position
}

function putBigLong(buffer: Buffer, start: number, value: bigint): number {
  let position = start
  let z = value >= 0n ? value << 1n : (-value << 1n) - 1n
  while (z >= 0x80n) {
    buffer[position++] = Number(z & 0x7fn) | 0x80
    z >>= 7n
  }
  buffer[position++] = Number(z)
  return position
}
