/** Bytes copied by a loop, because a call of `copy` costs more. */
const SHORT = 64

/** A growing buffer with the parts of the wire format that a writer needs. */
export class Output {
  length = 0
  #bytes: Buffer

  constructor(bytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(bytes)
  }

  clear(): void {
    this.length = 0
  }

  /** Makes room for this many more bytes. */
  reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.length)
    this.#bytes = larger
  }

  /** The caller has reserved room. */
  byte(value: number): void {
    this.#bytes[this.length++] = value
  }

  /** Writes the first numbers as bytes. The caller has reserved room. */
  bytes(values: Uint32Array, count: number): void {
    const bytes = this.#bytes
    let at = this.length
    for (let i = 0; i < count; i++) bytes[at++] = values[i]
    this.length = at
  }

  /** The caller has reserved five bytes. @param value 0 to 2^32 − 1 */
  varint(value: number): void {
    const bytes = this.#bytes
    let at = this.length
    while (value >= 0x80) {
      bytes[at++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    bytes[at++] = value
    this.length = at
  }

  /** The caller has reserved ten bytes. @param value an integer, as `int64` */
  int64(value: number): void {
    this.#bigVarint(BigInt.asUintN(64, BigInt(value)))
  }

  /** The caller has reserved room. */
  copy(source: Buffer, from: number, to: number): void {
    if (to - from > SHORT) {
      source.copy(this.#bytes, this.length, from, to)
      this.length += to - from
      return
    }
    const bytes = this.#bytes
    let at = this.length
    for (let i = from; i < to; i++) bytes[at++] = source[i]
    this.length = at
  }

  /** Copies what was written to another buffer. @returns the offset behind it */
  copyTo(target: Buffer, at: number): number {
    return at + this.#bytes.copy(target, at, 0, this.length)
  }

  #bigVarint(value: bigint): void {
    let rest = value
    while (rest >= 0x80n) {
      this.byte(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    this.byte(Number(rest))
  }
}

/** Bytes of a varint. @param value 0 to 2^32 − 1 */
export function varintSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  return value < 0x10000000 ? 4 : 5
}

/** Bytes of an integer as `int64`. */
export function int64Size(value: number): number {
  if (value < 0) return 10
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}
