import { isUtf8 } from 'node:buffer'
import { ProtobufRefused, type RefusalReason } from './refusal.js'

/**
 * Wire types of the Protocol Buffers encoding. 3 and 4 are groups, which are deprecated and not
 * supported.
 */
export const VARINT = 0
export const FIXED64 = 1
export const LENGTH = 2
const FIXED32 = 5

/** Key of a field on the wire. */
export const keyOf = (field: number, wireType: number): number => field * 8 + wireType

const TWO_32 = 2 ** 32

/**
 * Reads the Protocol Buffers wire format from untrusted bytes. A length may not exceed the rest of
 * the enclosing message.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class WireReader {
  at = 0
  /** Lower and upper 32 bits of the last varint. */
  #low = 0
  #high = 0
  readonly #doubles: DataView

  constructor(readonly bytes: Buffer) {
    this.#doubles = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Reads the key of the next field. @returns 0 at the end of the message */
  key(end: number): number {
    if (this.at >= end) return 0
    const start = this.at
    this.#varint(end)
    const key = this.#low
    if (this.#high !== 0 || key >>> 3 === 0) this.refuse('syntax', 'not a field number', start)
    return key
  }

  /** Reads an unsigned 64-bit integer. Beyond 2^53 the result is the nearest double. */
  uint64(end: number): number {
    this.#varint(end)
    return this.#high * TWO_32 + this.#low
  }

  /** Reads a signed 64-bit integer. Beyond 2^53 the result is the nearest double. */
  int64(end: number): number {
    this.#varint(end)
    return (this.#high | 0) * TWO_32 + this.#low
  }

  double(end: number): number {
    const { at } = this
    if (end - at < 8) this.#refuseEnd()
    this.at = at + 8
    return this.#doubles.getFloat64(at, true)
  }

  /** Reads the length of a message, string or bytes. @returns the offset of its end */
  length(end: number): number {
    const start = this.at
    this.#varint(end)
    const length = this.#high * TWO_32 + this.#low
    if (length > end - this.at)
      this.refuse(
        'end',
        `a length of ${length} bytes exceeds the ${end - this.at} that are left`,
        start,
      )
    return this.at + length
  }

  /** @param what subject of error messages, such as `the label name` */
  string(end: number, limit: number, what: string): string {
    const to = this.length(end)
    const from = this.at
    if (to - from > limit)
      this.refuse('limit', `${what} has ${to - from} bytes, over the limit of ${limit}; shorten it`)
    this.at = to
    return this.text(from, to, what)
  }

  text(from: number, to: number, what: string): string {
    const { bytes } = this
    let i = from
    while (i < to && bytes[i] < 0x80) i++
    if (i === to) return bytes.toString('latin1', from, to)
    if (!isUtf8(bytes.subarray(from, to)))
      this.refuse('encoding', `${what} is not UTF-8; encode it as UTF-8`, from)
    return bytes.toString('utf8', from, to)
  }

  /**
   * Skips an unknown field.
   *
   * @param known bit mask of the field numbers of the schema, which are refused here: they have
   *   another wire type
   */
  skip(key: number, end: number, known: number): void {
    const field = key >>> 3
    const type = key & 7
    if (field < 32 && (known >>> field) & 1)
      this.refuse('syntax', `field ${field} has wire type ${type}, which is not that of its type`)
    if (type === VARINT) this.#varint(end)
    else if (type === LENGTH) this.at = this.length(end)
    else if (type === FIXED64 || type === FIXED32) {
      this.at += type === FIXED64 ? 8 : 4
      if (this.at > end) this.#refuseEnd()
    } else if (type === 3 || type === 4)
      this.refuse('syntax', `field ${field} is a group; groups are not supported`)
    else this.refuse('syntax', `field ${field} has wire type ${type}, which does not exist`)
  }

  refuse(reason: RefusalReason, problem: string, offset = this.at): never {
    throw new ProtobufRefused(Math.min(offset, this.bytes.length), reason, problem)
  }

  #refuseEnd(): never {
    this.refuse('end', 'the message ends within a field', Math.min(this.at, this.bytes.length))
  }

  #varint(end: number): void {
    const { bytes } = this
    let i = this.at
    if (i >= end) this.#refuseEnd()
    let byte = bytes[i++]
    if (byte < 0x80) {
      this.at = i
      this.#low = byte
      this.#high = 0
      return
    }
    let low = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      if (i >= end) this.#refuseEnd()
      byte = bytes[i++]
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.at = i
        this.#low = low
        this.#high = 0
        return
      }
    }
    this.#longVarint(end, i, low)
  }

  /**
   * @param i offset of the fifth byte
   * @param low the first 28 bits
   */
  #longVarint(end: number, i: number, low: number): void {
    const { bytes } = this
    let high = 0
    for (let count = 4; count < 10; count++) {
      if (i >= end) this.#refuseEnd()
      const byte = bytes[i++]
      const part = byte & 0x7f
      if (count === 4) {
        low |= part << 28
        high = part >>> 4
      } else high |= part << (count * 7 - 32)
      if (byte >= 0x80) continue
      if (count === 9 && byte > 1) break
      this.at = i
      this.#low = low >>> 0
      this.#high = high >>> 0
      return
    }
    this.refuse('syntax', 'a varint is longer than 64 bits')
  }
}
