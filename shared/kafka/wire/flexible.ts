/*
 * Fields of the flexible versions of the Kafka protocol (KIP-482): lengths are unsigned varints
 * plus 1, 0 means null, and each structure ends with tagged fields.
 * https://kafka.apache.org/protocol#protocol_types
 */

/** Reads a response. Throws a RangeError at its end. */
export class FlexibleReader {
  constructor(
    readonly buffer: Buffer,
    private at = 0,
  ) {}

  int16(): number {
    this.at += 2
    return this.buffer.readInt16BE(this.at - 2)
  }

  int32(): number {
    this.at += 4
    return this.buffer.readInt32BE(this.at - 4)
  }

  /** Exact up to 2⁵³. */
  int64(): number {
    const high = this.int32()
    this.at += 4
    return high * 4_294_967_296 + this.buffer.readUInt32BE(this.at - 4)
  }

  /** 32 hexadecimal digits; null if all are 0. */
  uuid(): string | null {
    const id = this.#take(16).toString('hex')
    return /^0+$/.test(id) ? null : id
  }

  string(): string | null {
    const length = this.#uvarint()
    return length === 0 ? null : this.#take(length - 1).toString()
  }

  /** A slice of the response; empty for null. */
  bytes(): Buffer {
    return this.#take(Math.max(0, this.#uvarint() - 1))
  }

  /** Empty for null. */
  array<T>(read: () => T): T[] {
    const elements: T[] = []
    // Read one by one, so that a wrong length ends at the end of the bytes.
    for (let left = this.#uvarint() - 1; left > 0; left--) elements.push(read())
    return elements
  }

  skip(bytes: number): void {
    this.#take(bytes)
  }

  /** Skips the tagged fields that end a structure. */
  tags(): void {
    for (let left = this.#uvarint(); left > 0; left--) {
      this.#uvarint()
      this.#take(this.#uvarint())
    }
  }

  #take(length: number): Buffer {
    const from = this.at
    this.at += length
    if (this.at > this.buffer.length) throw new RangeError('a field is longer than the response')
    return this.buffer.subarray(from, this.at)
  }

  #uvarint(): number {
    let value = 0
    for (let factor = 1; factor <= 128 ** 4; factor *= 128) {
      const byte = this.buffer.readUInt8(this.at++)
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw new RangeError('a length has more than five bytes')
  }
}

/** Writes a request into a growing buffer. */
export class FlexibleWriter {
  #buffer = Buffer.allocUnsafe(256)
  #length = 0

  int8(value: number): this {
    return this.#put(1, at => this.#buffer.writeInt8(value, at))
  }

  int16(value: number): this {
    return this.#put(2, at => this.#buffer.writeInt16BE(value, at))
  }

  int32(value: number): this {
    return this.#put(4, at => this.#buffer.writeInt32BE(value, at))
  }

  int64(value: number): this {
    return this.#put(8, at => this.#buffer.writeBigInt64BE(BigInt(value), at))
  }

  /** @param id 32 hexadecimal digits; null writes zeros */
  uuid(id: string | null): this {
    const bytes = id === null ? Buffer.alloc(16) : Buffer.from(id, 'hex')
    return this.#put(16, at => bytes.copy(this.#buffer, at))
  }

  string(value: string): this {
    const bytes = Buffer.from(value)
    return this.#uvarint(bytes.length + 1).#put(bytes.length, at => bytes.copy(this.#buffer, at))
  }

  array<T>(elements: readonly T[], write: (element: T) => void): this {
    this.#uvarint(elements.length + 1)
    for (const element of elements) write(element)
    return this
  }

  /** Ends a structure without tagged fields. */
  tags(): this {
    return this.#uvarint(0)
  }

  get written(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #uvarint(value: number): this {
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#byte((rest & 0x7f) | 0x80)
    return this.#byte(rest)
  }

  #byte(value: number): this {
    return this.#put(1, at => this.#buffer.writeUInt8(value, at))
  }

  #put(bytes: number, write: (at: number) => void): this {
    if (this.#length + bytes > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes))
      this.#buffer.copy(grown, 0, 0, this.#length)
      this.#buffer = grown
    }
    write(this.#length)
    this.#length += bytes
    return this
  }
}
