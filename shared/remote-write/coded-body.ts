import {
  maxCompressedBytes,
  SnappyCompressor,
  writeCopy,
  writeLiteral,
} from '../base/snappy/compress.js'
import { type Gap, VALUE_BYTES } from './gap.js'
import { Out, writeVarint } from './out.js'
import type { SeriesCode, SymbolBytes } from './series-code.js'

/** Series in front that are compared byte by byte: the codes refer to two series before. */
const LEAD = 2
/** Blocks of so few series are compared as a whole. */
const SMALL = 16
/** Bytes of the length in front of a body, at most. */
const PREAMBLE = 5
const MAX_OFFSET = 65_535
/** Least bytes of a copy. */
const LEAST_COPY = 4

/** A range of a block that is to be written. */
export interface CodedRange {
  readonly code: SeriesCode
  readonly values: Float64Array
  readonly from: number
  readonly to: number
}

/** The last block of a code in the body. */
interface Written {
  /** Offset in the message at which series 0 is, or would be. */
  readonly base: number
  readonly from: number
  readonly to: number
  readonly words: Uint32Array
  /** The bytes of the series that are compared, and of which ones. */
  lead: Buffer
  readonly leadTo: number
}

/** A body in the snappy block format, of parts: compressed ones, plain ones, and blocks. */
export class CodedBody {
  readonly #out = new Out()
  readonly #lead = new Out(4096)
  readonly #compressor = new SnappyCompressor()
  readonly #written = new Map<SeriesCode, Written>()
  #length = 0

  begin(): void {
    this.#out.at = PREAMBLE
    this.#length = 0
    this.#written.clear()
  }

  /** @returns the body, valid until `begin`, and the size of the message in it */
  finish(): { readonly body: Buffer; readonly bytes: number } {
    const { bytes, at } = this.#out
    const size = writeVarint(new Uint8Array(PREAMBLE), 0, this.#length)
    writeVarint(bytes, PREAMBLE - size, this.#length)
    this.#written.clear()
    return { body: bytes.subarray(PREAMBLE - size, at), bytes: this.#length }
  }

  /** Adds elements of so many bytes of the message. */
  compressed(elements: Buffer, length: number): void {
    const out = this.#out
    out.reserve(elements.length)
    out.bytes.set(elements, out.at)
    out.at += elements.length
    this.#length += length
  }

  /** Compresses a part of the message. */
  plain(message: Buffer, length: number): void {
    const out = this.#out
    out.reserve(maxCompressedBytes(length))
    out.at = this.#compressor.elements(message, length, out.bytes, out.at)
    this.#length += length
  }

  /** Adds a block whose code is compiled. @param symbols of the block */
  block(range: CodedRange, symbols: SymbolBytes): void {
    const { code, values, from, to } = range
    const { valueAt } = code
    const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length)
    const leadTo = to - from <= SMALL ? to : from + LEAD
    const before = this.#written.get(code)
    this.#writeLead(range, symbols.bytes, leadTo)
    const lead = this.#lead
    const start = this.#length
    // The first head is without the tail of the series before.
    const base =
      start +
      lead.at -
      VALUE_BYTES -
      valueAt[leadTo - 1] -
      (leadTo === to ? code.tail(to - 1).length : 0)
    const distance = before ? base - before.base : 0
    const isNear =
      before !== undefined && distance <= MAX_OFFSET && before.from <= from && before.to >= to
    if (isNear && before.from === from && before.leadTo === leadTo)
      this.#difference(before.lead, distance, lead.at)
    else {
      const out = this.#out
      out.reserve(maxCompressedBytes(lead.at))
      out.at = this.#compressor.elements(lead.bytes, lead.at, out.bytes, out.at)
    }
    this.#length += lead.at
    if (leadTo < to) {
      symbols.setDistance(distance)
      this.#gaps(range, symbols.bytes, leadTo, words, isNear ? before.words : null, distance)
      this.#tail(code, symbols.bytes, to - 1)
      this.#length = base + valueAt[to - 1] + VALUE_BYTES + code.tail(to - 1).length
    }
    const kept =
      before && before.lead.length >= lead.at ? before.lead : Buffer.allocUnsafe(2 * lead.at)
    lead.bytes.copy(kept, 0, 0, lead.at)
    this.#written.set(code, { base, from, to, words, lead: kept, leadTo })
  }

  #writeLead({ code, values, from, to }: CodedRange, bytes: Uint8Array, leadTo: number): void {
    const lead = this.#lead
    lead.at = 0
    const add = (gap: Gap) => {
      lead.reserve(gap.length + VALUE_BYTES)
      for (const symbol of gap) lead.bytes[lead.at++] = bytes[symbol]
    }
    for (let i = from; i < leadTo; i++) {
      add(i === from ? code.head(i) : code.gap(i))
      lead.view.setFloat64(lead.at, values[i], true)
      lead.at += VALUE_BYTES
    }
    if (leadTo === to) add(code.tail(to - 1))
  }

  /** Writes the lead as its differences to that of the target before. */
  #difference(before: Buffer, distance: number, length: number): void {
    const { bytes } = this.#lead
    const out = this.#out
    out.reserve(maxCompressedBytes(length))
    let literal = 0
    for (let i = 0; i < length; ) {
      let end = i
      while (end < length && bytes[end] === before[end]) end++
      if (end - i < LEAST_COPY) {
        i = end + 1
        continue
      }
      if (i > literal) out.at = writeLiteral(bytes, literal, i, out.bytes, out.at)
      out.at = writeCopy(out.bytes, out.at, distance, end - i)
      i = literal = end
    }
    if (literal < length) out.at = writeLiteral(bytes, literal, length, out.bytes, out.at)
  }

  /** Writes all after the lead, up to the last value. */
  #gaps(
    { code, values, from, to }: CodedRange,
    symbols: Uint8Array,
    begin: number,
    words: Uint32Array,
    wordsBefore: Uint32Array | null,
    distance: number,
  ): void {
    const best = wordsBefore ? code.far : code.wide
    const { near } = code
    const valueBytes = new Uint8Array(values.buffer, values.byteOffset, 8 * values.length)
    const plain = code.valueAt[to - 1] - code.valueAt[begin - 1]
    const middles = Math.max(
      best.middleFrom[to] - best.middleFrom[begin],
      near.middleFrom[to] - near.middleFrom[begin],
    )
    this.#out.reserve(
      middles +
        near.middleFrom[to] -
        near.middleFrom[begin] +
        24 * (to - begin) +
        Math.ceil(plain / 16) +
        64,
    )
    const out = this.#out.bytes
    let at = this.#out.at
    /** A copy that is not written yet: it may grow. */
    let length = 0
    let offset = 0
    /** Bytes of the value before that are written or in the copy. */
    let covered = VALUE_BYTES
    for (let i = begin; i < to; i++) {
      const v = 2 * (i - 1)
      // Series before the range are not in this message.
      const codes = from === 0 || i - best.reach[i] > from ? best : near
      const first = codes.firstLength[i]
      const firstDistance = codes.firstOffset[i] || distance
      let suffix = 0
      if (covered < VALUE_BYTES) {
        if (first > 0) {
          const back = 2 * codes.firstBack[i]
          const source = back === 0 ? wordsBefore! : words
          const low = words[v] ^ source[v - back]
          const high = words[v + 1] ^ source[v + 1 - back]
          suffix = high !== 0 ? Math.clz32(high) >> 3 : 4 + (Math.clz32(low) >> 3)
          if (suffix > VALUE_BYTES - covered) suffix = VALUE_BYTES - covered
        }
        const literal = VALUE_BYTES - suffix - covered
        if (literal > 0) {
          if (length > 0) at = writeCopy(out, at, offset, length)
          length = 0
          out[at++] = (literal - 1) << 2
          const from = 8 * (i - 1) + covered
          for (let k = from; k < from + literal; k++) out[at++] = valueBytes[k]
        }
      }
      if (first > 0) {
        if (length > 0 && offset !== firstDistance) {
          at = writeCopy(out, at, offset, length)
          length = 0
        }
        length += first + suffix
        offset = firstDistance
      }
      const { middle } = codes
      const middleEnd = codes.middleFrom[i + 1]
      let m = codes.middleFrom[i]
      if (m < middleEnd) {
        if (length > 0) at = writeCopy(out, at, offset, length)
        length = 0
        while (m < middleEnd) out[at++] = symbols[middle[m++]]
      }
      const last = codes.lastLength[i]
      covered = 0
      if (last > 0) {
        const back = 2 * codes.lastBack[i]
        const source = back === 0 ? wordsBefore! : words
        const lastDistance = codes.lastOffset[i] || distance
        if (length > 0 && offset !== lastDistance) {
          at = writeCopy(out, at, offset, length)
          length = 0
        }
        const low = words[v + 2] ^ source[v + 2 - back]
        if (low !== 0) covered = (31 - Math.clz32(low & -low)) >> 3
        else {
          const high = words[v + 3] ^ source[v + 3 - back]
          covered = high === 0 ? VALUE_BYTES : 4 + ((31 - Math.clz32(high & -high)) >> 3)
        }
        length += last + covered
        offset = lastDistance
      }
    }
    if (length > 0) at = writeCopy(out, at, offset, length)
    if (covered < VALUE_BYTES)
      at = writeLiteral(valueBytes, 8 * (to - 1) + covered, 8 * to, out, at)
    this.#out.at = at
  }

  /** Writes what is after the last value. */
  #tail(code: SeriesCode, symbols: Uint8Array, last: number): void {
    const tail = code.tail(last)
    const before = code.tail(last - 1)
    const out = this.#out
    out.reserve(tail.length + 16 + Math.ceil(tail.length / 16))
    if (
      tail.length >= LEAST_COPY &&
      tail.length === before.length &&
      tail.every((symbol, i) => symbol === before[i])
    ) {
      out.at = writeCopy(
        out.bytes,
        out.at,
        code.valueAt[last] - code.valueAt[last - 1],
        tail.length,
      )
      return
    }
    const bytes = Uint8Array.from(tail, symbol => symbols[symbol])
    out.at = writeLiteral(bytes, 0, bytes.length, out.bytes, out.at)
  }
}
