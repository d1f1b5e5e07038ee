import { isLegacyLabelName } from '../../../../shared/exposition/escape.js'
import { labelText, latin1 } from '../../../../shared/exposition/layout-text.js'
import { canonicalFloat, isFloatText } from '../../../../shared/metrics/float-text.js'
import type { Limits } from '../../../../shared/metrics/limits.js'
import type { BytesReader } from '../../../../shared/snapshot/bytes-reader.js'

/** Maximum number of different labels and of their names. Layouts with more are decoded. */
const MAX_LABELS = 32 * 1024
const MAX_NAMES = 1000
/** Maximum number of probes of the hash table. */
const PROBES = 16

/**
 * Bytes of a word. Texts are copied in words, up to three bytes of which are beyond their end: so
 * much room has to follow every text.
 */
export const WORD = 4

const textsOf = (bytes: number) => new DataView(new ArrayBuffer(bytes))
const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new DataView(buffer, byteOffset, byteLength)

/** Thrown for a layout that has to be decoded: it is invalid, or unusual. */
export class Unusual extends Error {}

/**
 * The different labels of an encoded layout: what is written for each of them, and what the rules
 * for series need. Equal labels have equal indexes.
 *
 * The series of a layout repeat their labels, so most labels are recognised by their bytes.
 */
export class LabelTexts {
  /** Names by number, in the order of their first label. */
  readonly names: string[] = []
  /** Number of the name, by label. */
  readonly nameOf: number[] = []
  readonly hashes: number[] = []
  /** Whether the value is empty: such a label does not distinguish series. */
  readonly isEmpty: boolean[] = []
  /** Whether the value is a number in its canonical text. */
  readonly isNumber: boolean[] = []
  /**
   * `name="value"` of all labels as latin1 bytes, with the start and end of each. A few more bytes
   * may be read after the end.
   */
  texts = textsOf(4096)
  readonly textStarts: number[] = []
  readonly textEnds: number[] = []
  readonly #numbers = new Map<string, number>()
  /** Index of a label plus one, by the hash of its bytes. */
  #slots = new Int32Array(512)
  readonly #starts: number[] = []
  readonly #lengths: number[] = []
  /** The label that followed this one in the same place the last time; −1 if none. */
  readonly #next: number[] = []
  /** Label of the preceding series, by place. */
  readonly #previous: number[] = []
  #textEnd = 0
  readonly #bytes: DataView

  constructor(
    private readonly input: BytesReader,
    private readonly limits: Limits,
  ) {
    this.#bytes = viewOf(input.buffer)
  }

  get size(): number {
    return this.hashes.length
  }

  /**
   * Reads a label.
   *
   * @param place position of the label in its series
   * @returns its index
   */
  read(place: number): number {
    const { input } = this
    const start = input.position
    const previous = place < this.#previous.length ? this.#previous[place] : -1
    if (previous >= 0) {
      // Lengths are part of the bytes: equal bytes are an equal label.
      if (this.#isAt(previous, start)) {
        input.position = start + this.#lengths[previous]
        return previous
      }
      const next = this.#next[previous]
      if (next >= 0 && this.#isAt(next, start)) {
        input.position = start + this.#lengths[next]
        this.#previous[place] = next
        return next
      }
    }
    const index = this.#find(start)
    if (previous >= 0) this.#next[previous] = index
    this.#previous[place] = index
    return index
  }

  #isAt(index: number, start: number): boolean {
    const bytes = this.#bytes
    const end = start + this.#lengths[index]
    if (end > bytes.byteLength) return false
    let from = this.#starts[index]
    let at = start
    // Most of the time is spent here and in copying texts: four bytes at once.
    for (; at + 4 <= end; at += 4, from += 4)
      if (bytes.getInt32(from) !== bytes.getInt32(at)) return false
    for (; at < end; at++, from++) if (bytes.getUint8(from) !== bytes.getUint8(at)) return false
    return true
  }

  #find(start: number): number {
    const { input, limits } = this
    input.skip(input.length(limits.nameBytes, "a label's name"))
    input.skip(input.length(limits.valueBytes, "a label's value"))
    const { buffer, position: end } = input
    let hash = 0x811c9dc5
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ buffer[at], 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    hash ^= hash >>> 12
    const mask = this.#slots.length - 1
    for (let probe = 0; probe < PROBES; probe++) {
      const slot = (hash + probe) & mask
      const index = this.#slots[slot] - 1
      if (index < 0) return this.#add(hash, slot, start, end)
      if (
        this.hashes[index] === hash &&
        this.#lengths[index] === end - start &&
        this.#isAt(index, start)
      )
        return index
    }
    throw new Unusual()
  }

  #add(hash: number, slot: number, start: number, end: number): number {
    const { input, limits } = this
    const index = this.hashes.length
    if (index >= MAX_LABELS) throw new Unusual()
    input.position = start
    const name = this.#text(limits.nameBytes, "a label's name")
    const value = this.#text(limits.valueBytes, "a label's value")
    if (value.includes('\0')) throw new Unusual()
    this.nameOf.push(this.#numberOf(name))
    this.hashes.push(hash)
    this.isEmpty.push(value === '')
    const mayBeNumber = name === 'le' || name === 'quantile'
    this.isNumber.push(mayBeNumber && isFloatText(value) && canonicalFloat(value) === value)
    this.#starts.push(start)
    this.#lengths.push(end - start)
    this.#next.push(-1)
    this.#addText(latin1(labelText({ name, value }, 'allow-utf-8')))
    if (index * 2 < this.#slots.length) this.#slots[slot] = index + 1
    else this.#grow()
    return index
  }

  /**
   * Equal labels must have equal bytes, or duplicate series are not found: a length may have more
   * bytes than it needs.
   */
  #text(limit: number, what: string): string {
    const { input } = this
    const start = input.position
    input.length(limit, what)
    const { buffer, position } = input
    if (position > start + 1 && buffer[position - 1] === 0) throw new Unusual()
    input.position = start
    return input.string(limit, what)
  }

  #numberOf(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    if (!isLegacyLabelName(name) || name.startsWith('__')) throw new Unusual()
    if (this.names.length >= MAX_NAMES) throw new Unusual()
    const number = this.names.push(name) - 1
    this.#numbers.set(name, number)
    return number
  }

  #addText(text: string): void {
    const from = this.#textEnd
    const end = from + text.length
    if (end + WORD > this.texts.byteLength) {
      const larger = textsOf(Math.max(end + WORD, 2 * this.texts.byteLength))
      new Uint8Array(larger.buffer).set(new Uint8Array(this.texts.buffer))
      this.texts = larger
    }
    for (let i = 0; i < text.length; i++) this.texts.setUint8(from + i, text.charCodeAt(i))
    this.textStarts.push(from)
    this.textEnds.push(end)
    this.#textEnd = end
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 4)
    const mask = slots.length - 1
    for (let index = 0; index < this.hashes.length; index++) {
      let probe = 0
      while (slots[(this.hashes[index] + probe) & mask] !== 0)
        if (++probe === PROBES) throw new Unusual()
      slots[(this.hashes[index] + probe) & mask] = index + 1
    }
    this.#slots = slots
  }
}
