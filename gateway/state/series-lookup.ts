import { hashOf } from './hash-index.js'

/** Searches through the whole text before an index is worth its memory. */
const FREE_SEARCHES = 8

/**
 * Whether a block has a series. A search through its text takes time in proportion to the block,
 * which would be squared for blocks with many series that other push groups have, too.
 */
export class SeriesLookup {
  #searches = 0
  /** Where a text begins, + 1, by its hash with linear probing. 4 to 16 bytes for each series. */
  #slots: Uint32Array | undefined

  /** @param series each text with a line feed after it @param count number of texts */
  constructor(
    private readonly series: string,
    private readonly count: number,
  ) {}

  has(text: string): boolean {
    const { series } = this
    const line = `${text}\n`
    if (!this.#slots) {
      if (++this.#searches <= FREE_SEARCHES)
        return series.startsWith(line) || series.includes(`\n${line}`)
      this.#slots = this.#index()
    }
    const slots = this.#slots
    const mask = slots.length - 1
    for (let at = hashOf(text, 0, text.length) & mask; slots[at] !== 0; at = (at + 1) & mask)
      if (series.startsWith(line, slots[at] - 1)) return true
    return false
  }

  #index(): Uint32Array {
    const { series, count } = this
    const slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * count + 1)))
    const mask = slots.length - 1
    for (let from = 0; from < series.length; ) {
      const to = series.indexOf('\n', from)
      let at = hashOf(series, from, to) & mask
      while (slots[at] !== 0) at = (at + 1) & mask
      slots[at] = from + 1
      from = to + 1
    }
    return slots
  }
}
