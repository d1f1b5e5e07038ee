import { maxCompressedBytes, SnappyCompressor } from '../base/snappy/compress.js'
import { Out } from './out.js'
import { codeBytes, SeriesCode, type SeriesSymbols } from './series-code.js'
import type { SeriesTable } from './series-table.js'

/** Key of a symbol in io.prometheus.write.v2.Request. */
const SYMBOL = 0x22

/** Makes the symbols of a series of a table. @param widths of the references of the target's labels */
export type SymbolsOf = (table: SeriesTable, refs: Uint32Array, widths: number) => SeriesSymbols

/**
 * The symbols with which requests of the same tables begin: those of the tables, in order. The
 * values of targets' labels follow in each request.
 */
export class Vocabulary {
  readonly symbols: readonly string[]
  /** The symbols as elements of snappy, and their size before the compression, bytes. */
  readonly elements: Buffer
  readonly messageBytes: number
  readonly #known = new Map<string, number>()
  readonly #refs = new Map<SeriesTable, Uint32Array>()
  readonly #codes = new Map<SeriesTable, Map<number, SeriesCode>>()
  #bytes: number

  constructor(tables: readonly SeriesTable[]) {
    const symbols: string[] = []
    const indexOf = (text: string) => {
      const known = this.#known.get(text)
      if (known !== undefined) return known
      this.#known.set(text, symbols.length)
      return symbols.push(text) - 1
    }
    indexOf('')
    let bytes = 500
    for (const table of tables) {
      const refs = new Uint32Array(table.symbols.length)
      for (let i = table.targetLabels; i < refs.length; i++) refs[i] = indexOf(table.symbols[i])
      this.#refs.set(table, refs)
      bytes += refs.byteLength + table.bytes
    }
    this.symbols = symbols
    const message = new Out(1024)
    for (const symbol of symbols) message.text(SYMBOL, symbol)
    const elements = Buffer.allocUnsafeSlow(maxCompressedBytes(message.at))
    const length = new SnappyCompressor().elements(message.bytes, message.at, elements, 0)
    this.elements = Buffer.from(elements.subarray(0, length))
    this.messageBytes = message.at
    this.#bytes = bytes + length + 60 * symbols.length
  }

  /** Estimated bytes, with the tables, which live as long. */
  get bytes(): number {
    return this.#bytes
  }

  /** The reference of a text; undefined if it is none of the symbols. */
  refOf(text: string): number | undefined {
    return this.#known.get(text)
  }

  /** References by symbol of the table. Callers set those of the target. */
  refsOf(table: SeriesTable): Uint32Array | undefined {
    return this.#refs.get(table)
  }

  /** @param widths one bit per label of the target: whether its reference has two bytes */
  codeOf(table: SeriesTable, widths: number, symbolsOf: SymbolsOf): SeriesCode {
    let ofTable = this.#codes.get(table)
    if (!ofTable) {
      ofTable = new Map()
      this.#codes.set(table, ofTable)
    }
    let code = ofTable.get(widths)
    if (!code) {
      code = new SeriesCode(symbolsOf(table, this.#refs.get(table)!, widths))
      ofTable.set(widths, code)
      this.#bytes += codeBytes(table.series)
    }
    return code
  }
}

export const NO_TABLES = new Vocabulary([])

/** Requests with more tables have hardly ever the same ones as another. */
const MAX_TABLES = 8
const MAX_SEEN = 1000

/**
 * Vocabularies of requests, within a number of bytes: the least recently used one goes first. One is
 * made when the same tables come for the second time.
 */
export class Vocabularies {
  /** Least recently used first. */
  readonly #all = new Map<string, Vocabulary>()
  readonly #seen = new Set<string>()
  readonly #ids = new WeakMap<SeriesTable, number>()
  #nextId = 0

  constructor(private readonly maxBytes: number) {}

  /** @returns null if there is none for these tables */
  of(tables: ReadonlySet<SeriesTable>): Vocabulary | null {
    if (tables.size === 0 || tables.size > MAX_TABLES) return null
    const sorted = [...tables].sort((a, b) => this.#idOf(a) - this.#idOf(b))
    const key = sorted.map(table => this.#idOf(table)).join(' ')
    const known = this.#all.get(key)
    if (known) {
      this.#all.delete(key)
      this.#all.set(key, known)
      this.#evict()
      return known
    }
    if (!this.#seen.delete(key)) {
      if (this.#seen.size >= MAX_SEEN) this.#seen.clear()
      this.#seen.add(key)
      return null
    }
    const made = new Vocabulary(sorted)
    this.#all.set(key, made)
    return made
  }

  /** The newest one is in use. */
  #evict(): void {
    let bytes = 0
    for (const vocabulary of this.#all.values()) bytes += vocabulary.bytes
    for (const [key, vocabulary] of this.#all) {
      if (bytes <= this.maxBytes) return
      this.#all.delete(key)
      bytes -= vocabulary.bytes
    }
  }

  #idOf(table: SeriesTable): number {
    let id = this.#ids.get(table)
    if (id === undefined) {
      id = this.#nextId++
      this.#ids.set(table, id)
    }
    return id
  }
}
