import { BLOCK } from '../../../../shared/exposition/layout-text.js'
import { Unusual, WORD } from './label-texts.js'

/** Maximum bytes of a block: a longer one is written in steps, from the decoded layout. */
const MAX_BLOCK = 64 * 1024
const MAX_SPARE = 8

/** Buffers of finished layouts for reuse. */
const spare: Buffer[] = []

const OPEN = 0x7b
const COMMA = 0x2c

/** Writes the text of series as `LayoutText` has it, from bytes. */
export class TextBlocks {
  readonly #blocks: string[] = []
  #offsets = new Uint32Array(1025)
  #open = new Uint8Array(1024)
  #buffer = spare.pop() ?? Buffer.allocUnsafeSlow(MAX_BLOCK + WORD)
  readonly #view = new DataView(this.#buffer.buffer)
  /** Bytes of the current block. */
  #length = 0
  /** Bytes of the blocks before. */
  #before = 0
  #count = 0
  #seriesStart = 0

  /** @param text a line feed and the name of the sample, with `end` bytes and some more */
  beginSeries(text: DataView, end: number): void {
    this.#seriesStart = this.#length
    this.#copy(text, 0, end)
  }

  /** @param from of its text, as `end` an index in `texts`, which has a few more bytes */
  addLabel(texts: DataView, from: number, end: number, isFirst: boolean): void {
    this.#view.setUint8(this.#length++, isFirst ? OPEN : COMMA)
    this.#copy(texts, from, end)
  }

  #copy(text: DataView, from: number, end: number): void {
    const start = this.#length
    this.#length = start + end - from
    if (this.#length >= MAX_BLOCK) throw new Unusual()
    const view = this.#view
    for (let at = start, i = from; i < end; i += WORD, at += WORD)
      view.setInt32(at, text.getInt32(i))
  }

  /** @returns the bytes of the series */
  endSeries(hasLabels: boolean): number {
    const index = this.#count++
    if (this.#count > this.#open.length) this.#grow()
    if (hasLabels) this.#open[index] = 1
    this.#offsets[this.#count] = this.#before + this.#length
    const bytes = this.#length - this.#seriesStart
    if (this.#count % BLOCK === 0) this.#endBlock()
    return bytes
  }

  finish(): { blocks: string[]; offsets: Uint32Array; open: Uint8Array } {
    if (this.#count % BLOCK !== 0) this.#endBlock()
    return {
      blocks: this.#blocks,
      offsets: this.#offsets.slice(0, this.#count + 1),
      open: this.#open.slice(0, this.#count),
    }
  }

  /** Returns the buffer for reuse. Nothing is written afterwards. */
  release(): void {
    if (spare.length < MAX_SPARE) spare.push(this.#buffer)
  }

  #endBlock(): void {
    this.#blocks.push(this.#buffer.toString('latin1', 0, this.#length))
    this.#before += this.#length
    this.#length = 0
  }

  #grow(): void {
    const offsets = new Uint32Array(2 * this.#open.length + 1)
    offsets.set(this.#offsets)
    this.#offsets = offsets
    const open = new Uint8Array(2 * this.#open.length)
    open.set(this.#open)
    this.#open = open
  }
}
