import type { SampleBlock } from './block.js'
import { codeBytes, MAX_TARGET_BYTES, SeriesCode } from './series-code.js'
import { symbolsOf1 } from './series-symbols.js'
import type { SeriesTable } from './series-table.js'

interface Entry {
  readonly code: SeriesCode
  readonly bytes: number
}

/**
 * Codes of protocol 1.0, within a number of bytes: the least recently used one goes first. One is
 * shared by the targets whose labels have values of the same lengths.
 */
export class Codes1 {
  /** By table and lengths. Least recently used first. */
  readonly #all = new Map<string, Entry>()
  readonly #ids = new WeakMap<SeriesTable, number>()
  #nextId = 0
  #bytes = 0

  constructor(private readonly maxBytes: number) {}

  /** @returns null if the block cannot have one */
  of({ table, target }: SampleBlock): SeriesCode | null {
    let id = this.#ids.get(table)
    if (id === undefined) {
      id = this.#nextId++
      this.#ids.set(table, id)
    }
    let key = `${id}`
    let length = 0
    for (const value of target) {
      key += ` ${value.length}`
      length += value.length
    }
    if (length > MAX_TARGET_BYTES) return null
    let entry = this.#all.get(key)
    if (entry) this.#all.delete(key)
    else {
      // Its table lives as long as it does.
      const bytes = codeBytes(table.series) + table.bytes + 2 * key.length
      if (bytes > this.maxBytes) return null
      const lengths = target.map(value => value.length)
      entry = { code: new SeriesCode(symbolsOf1(table, lengths)), bytes }
      this.#bytes += bytes
    }
    this.#all.set(key, entry)
    for (const [oldest, { bytes }] of this.#all) {
      if (this.#bytes <= this.maxBytes) break
      this.#all.delete(oldest)
      this.#bytes -= bytes
    }
    return entry.code
  }
}
