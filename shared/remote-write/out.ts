/** A growing buffer that messages are written to. */
export class Out {
  bytes: Buffer
  at = 0
  #view: DataView

  constructor(size = 64 * 1024) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.#view = viewOf(this.bytes)
  }

  /** For doubles at offsets of `bytes`. Replaced by `reserve`. */
  get view(): DataView {
    return this.#view
  }

  /** Makes room for so many more bytes. */
  reserve(more: number): void {
    const needed = this.at + more
    if (needed <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length))
    this.bytes.copy(grown, 0, 0, this.at)
    this.bytes = grown
    this.#view = viewOf(grown)
  }

  /** Without a check of the room. @param value a non-negative integer below 2^53 */
  varint(value: number): void {
    this.at = writeVarint(this.bytes, this.at, value)
  }

  /** A text in latin1 characters, with its key and length. */
  text(key: number, text: string): void {
    this.reserve(12 + text.length)
    this.bytes[this.at++] = key
    this.varint(text.length)
    this.bytes.write(text, this.at, 'latin1')
    this.at += text.length
  }
}

const viewOf = ({ buffer, byteOffset, length }: Buffer) => new DataView(buffer, byteOffset, length)

/** @returns the offset after it */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let to = at
  let rest = value
  while (rest > 0x7fffffff) {
    bytes[to++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  while (rest >= 0x80) {
    bytes[to++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[to++] = rest
  return to
}

const TWO_32 = 2 ** 32

/** Writes a signed 64-bit integer: negative ones take ten bytes. @returns the offset after it */
export function writeInt64(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0) return writeVarint(bytes, at, value)
  // Two's complement.
  let low = value >>> 0
  let high = Math.floor(value / TWO_32) >>> 0
  let to = at
  for (let i = 0; i < 9; i++) {
    bytes[to++] = (low & 0x7f) | 0x80
    low = (low >>> 7) | ((high & 0x7f) << 25)
    high >>>= 7
  }
  bytes[to++] = low & 1
  return to
}
