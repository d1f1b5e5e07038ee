import type { Compiler } from './compiler.js'
import { type Element, FROM_TARGET_BEFORE, type Gap, VALUE_BYTES } from './gap.js'
import { writeVarint } from './out.js'

/** Symbols of a gap that are not bytes: looked up for each block. */
export const TIME_SYMBOL = 256
/** The distance of the target before, in two bytes. */
const DISTANCE_SYMBOL = 264
/** The bytes of the target's labels, in order. */
export const TARGET_SYMBOL = 512
/** Bytes of a target's labels that a block may have. */
export const MAX_TARGET_BYTES = 32 * 1024

const COPY_2 = 2

/** How the series of a table are written, with symbols for what differs between blocks. */
export interface SeriesSymbols {
  readonly series: number
  /** Symbols of a series before its value. */
  head(series: number): number[]
  /** Symbols of a series after its value. */
  tail(series: number): number[]
}

/**
 * The compressed gaps of a table. A gap begins with a copy that may begin in the value before it,
 * and ends with one that may go on in the value behind it; in between are elements as they are.
 */
export class GapCodes {
  /** Length of the copy at the begin, 0 without one. */
  readonly firstLength: Uint16Array
  /** Its distance in bytes and in series; both 0 for the target before. */
  readonly firstOffset: Uint16Array
  readonly firstBack: Uint16Array
  readonly lastLength: Uint16Array
  readonly lastOffset: Uint16Array
  readonly lastBack: Uint16Array
  /** Series before this one that copies refer to. */
  readonly reach: Uint16Array
  readonly middleFrom: Uint32Array
  middle: Uint16Array

  constructor(series: number) {
    this.firstLength = new Uint16Array(series)
    this.firstOffset = new Uint16Array(series)
    this.firstBack = new Uint16Array(series)
    this.lastLength = new Uint16Array(series)
    this.lastOffset = new Uint16Array(series)
    this.lastBack = new Uint16Array(series)
    this.reach = new Uint16Array(series)
    this.middleFrom = new Uint32Array(series + 1)
    this.middle = new Uint16Array(8 * series + 64)
  }

  /**
   * @param length of the gap
   * @param valueAt offset of the value of each series
   */
  add(index: number, gap: Gap, valueAt: Uint32Array, elements: readonly Element[]): void {
    const inner = [...elements]
    const start = valueAt[index] - gap.length
    let reach = 1
    for (const { at, offset } of inner)
      if (offset > 0) reach = Math.max(reach, index - seriesAt(valueAt, start + at - offset, index))
    this.reach[index] = reach
    const first = inner[0]
    const firstBack =
      first && first.offset !== 0 ? backOf(first, start, index - 1, valueAt, VALUE_BYTES) : -1
    if (firstBack >= 0) {
      inner.shift()
      this.firstLength[index] = first.length
      this.firstOffset[index] = Math.max(0, first.offset)
      this.firstBack[index] = firstBack
      // The value before the source of the copy may become a part of it.
      this.reach[index] = Math.max(reach, firstBack + 1)
    }
    const last = inner[inner.length - 1]
    const lastBack =
      last && last.offset !== 0 ? backOf(last, valueAt[index], index, valueAt, 0) : -1
    if (lastBack >= 0) {
      inner.pop()
      this.lastLength[index] = last.length
      this.lastOffset[index] = Math.max(0, last.offset)
      this.lastBack[index] = lastBack
    }
    this.#addMiddle(index, gap, inner)
  }

  #addMiddle(index: number, gap: Gap, elements: readonly Element[]): void {
    let to = this.middleFrom[index]
    const room = to + 3 * gap.length + 16
    if (room > this.middle.length) {
      const grown = new Uint16Array(Math.max(room, 2 * this.middle.length))
      grown.set(this.middle)
      this.middle = grown
    }
    const { middle } = this
    for (const { at, length, offset } of elements) {
      if (offset === 0) {
        for (let from = at; from < at + length; ) {
          const part = Math.min(60, at + length - from)
          middle[to++] = (part - 1) << 2
          middle.set(gap.subarray(from, from + part), to)
          to += part
          from += part
        }
        continue
      }
      for (let rest = length; rest > 0; ) {
        const part = Math.min(64, rest)
        rest -= part
        if (part >= 4 && part <= 11 && offset > 0 && offset < 2048) {
          middle[to++] = ((offset >> 8) << 5) | ((part - 4) << 2) | 1
          middle[to++] = offset & 0xff
          continue
        }
        middle[to++] = ((part - 1) << 2) | COPY_2
        middle[to++] = offset > 0 ? offset & 0xff : DISTANCE_SYMBOL
        middle[to++] = offset > 0 ? offset >> 8 : DISTANCE_SYMBOL + 1
      }
    }
    this.middleFrom[index + 1] = to
  }
}

/**
 * Whether a copy is next to a value at both ends of its distance.
 *
 * @param edge offset of the value, or of its end
 * @returns series between them; 0 for the target before; −1 if it is not
 */
function backOf(
  { offset }: Element,
  edge: number,
  index: number,
  valueAt: Uint32Array,
  valueBytes: number,
): number {
  if (offset === FROM_TARGET_BEFORE) return 0
  const source = edge - offset
  const series = seriesAt(valueAt, source - valueBytes, index)
  return valueAt[series] + valueBytes === source && series < index ? index - series : -1
}

/** Index of the series that an offset belongs to: the first one whose value is not before it. */
function seriesAt(valueAt: Uint32Array, offset: number, below: number): number {
  let low = 0
  let high = below
  while (low < high) {
    const middle = (low + high) >> 1
    if (valueAt[middle] < offset) low = middle + 1
    else high = middle
  }
  return low
}

/** Estimated bytes of the code of a table. */
export const codeBytes = (series: number): number => 2000 + 3 * 36 * series + 4 * series

/** Gaps before those that are compiled, to which they may refer, and symbols of them. */
const CONTEXT = 400
const CONTEXT_SYMBOLS = 8 * 1024
/** Symbols of a gap: one is compiled at once. Copies could reach further. */
const MAX_GAP = 2 * 1024

/**
 * The series of a table as elements of snappy, so that a block of it is compressed without a search:
 * what is between two values is known, and only the values are compared. Compiled in steps.
 */
export class SeriesCode {
  /** Codes that refer to the series before only. */
  readonly near: GapCodes
  /** Codes that refer to series before. */
  readonly wide: GapCodes
  /** Codes that refer to the target before too. */
  readonly far: GapCodes
  /** Offset of the value of each series in a block of all series. */
  readonly valueAt: Uint32Array
  readonly #leads: Gap[] = []
  readonly #tails = new Map<number, Gap>()
  #compiled = 0
  #isCodable = true

  constructor(private readonly symbols: SeriesSymbols) {
    const { series } = symbols
    this.near = new GapCodes(series)
    this.wide = new GapCodes(series)
    this.far = new GapCodes(series)
    this.valueAt = new Uint32Array(series)
  }

  /** Compiles series below `to` while there is time. @returns whether all of them are compiled */
  compile(to: number, compiler: Compiler): boolean {
    if (!this.#isCodable) return false
    if (to <= this.#compiled) return true
    if (compiler.isSpent) return false
    const { near, wide, far, valueAt } = this
    const begin = this.#compiled
    for (let i = begin; i < to; i++) {
      // One at least, so that each request with time left compiles more.
      if (i > begin && compiler.isSpent) break
      const parser = compiler.parserOf(this, () => this.#context())
      const gap = this.gap(i)
      if (gap.length > MAX_GAP) {
        this.#isCodable = false
        compiler.release(this)
        return false
      }
      parser.add(gap)
      valueAt[i] = i === 0 ? gap.length : valueAt[i - 1] + VALUE_BYTES + gap.length
      const beforeAt = i < 2 ? 0 : valueAt[i - 2] + VALUE_BYTES
      near.add(i, gap, valueAt, parser.parse(0, i < 1 ? 0 : valueAt[i] - gap.length - beforeAt))
      wide.add(i, gap, valueAt, parser.parse(0))
      far.add(i, gap, valueAt, parser.parse(TIME_SYMBOL))
      this.#compiled = i + 1
    }
    if (this.#compiled === this.symbols.series) compiler.release(this)
    return this.#compiled === to
  }

  *#context(): Iterable<Gap> {
    const end = this.#compiled
    let from = Math.max(0, end - CONTEXT)
    while (from < end && this.valueAt[end - 1] - this.valueAt[from] > CONTEXT_SYMBOLS) from++
    for (let i = from; i < end; i++) yield this.gap(i)
  }

  /** What is between the values of the series before and this one. */
  gap(index: number): Gap {
    if (index < this.#leads.length) return this.#leads[index]
    const head = this.symbols.head(index)
    const gap = Uint16Array.from(index === 0 ? head : [...this.symbols.tail(index - 1), ...head])
    if (index === this.#leads.length && index < KEPT_LEADS) this.#leads.push(gap)
    return gap
  }

  head(index: number): Gap {
    return index === 0 ? this.gap(0) : Uint16Array.from(this.symbols.head(index))
  }

  tail(index: number): Gap {
    const known = this.#tails.get(index)
    if (known) return known
    if (this.#tails.size >= KEPT_TAILS) this.#tails.clear()
    const tail = Uint16Array.from(this.symbols.tail(index))
    this.#tails.set(index, tail)
    return tail
  }
}

/** Gaps and tails that are kept, because blocks begin and end with them. */
const KEPT_LEADS = 16
const KEPT_TAILS = 16

/** What the symbols of a block stand for. */
export class SymbolBytes {
  readonly bytes = new Uint8Array(TARGET_SYMBOL + MAX_TARGET_BYTES)
  #time = Number.NaN

  constructor() {
    for (let i = 0; i < 256; i++) this.bytes[i] = i
  }

  /** @param time Unix ms that takes six bytes */
  setTime(time: number): void {
    if (time === this.#time) return
    this.#time = time
    writeVarint(this.bytes, TIME_SYMBOL, time)
  }

  setDistance(distance: number): void {
    this.bytes[DISTANCE_SYMBOL] = distance & 0xff
    this.bytes[DISTANCE_SYMBOL + 1] = distance >> 8
  }
}
