import { latin1 } from '../exposition/layout-text.js'
import { int64Size, varintSize } from '../metrics/remote-write/output.js'
import { STALE_MARKER, type WriteRequest } from '../metrics/remote-write/request.js'
import type { SampleBlock } from './block.js'
import { CodedBody } from './coded-body.js'
import { Compiler } from './compiler.js'
import { Out, writeInt64, writeVarint } from './out.js'
import {
  type Counts,
  type EncodedRequest,
  noCounts,
  type RequestWriter,
  type SentKinds,
} from './request-writer.js'
import { type SeriesCode, SymbolBytes, TARGET_SYMBOL } from './series-code.js'
import { isCodable, MAX_CODED_LABELS, symbolsOf2 } from './series-symbols.js'
import type { SeriesTable } from './series-table.js'
import { NO_TABLES, Vocabularies, type Vocabulary } from './vocabulary.js'

/** Keys of the fields of io.prometheus.write.v2.Request and its messages. */
const SYMBOL = 0x22
const SERIES = 0x2a
const REFS = 0x0a
const SAMPLE = 0x12
const HISTOGRAM = 0x1a
const EXEMPLAR = 0x22
const METADATA = 0x2a
const VALUE = 0x09
const SAMPLE_TIME = 0x10
const EXEMPLAR_VALUE = 0x11
const EXEMPLAR_TIME = 0x18
const TYPE = 0x08
const HELP_REF = 0x18
const UNIT_REF = 0x20
const CREATED = 0x30

/** Bytes copied by a loop, because a call of `copy` costs more. */
const SHORT = 48
/** Maximum bytes of a reference, and of a series without its references. */
const REF_BYTES = 5
const SERIES_BYTES = 80

/** Bytes of the vocabularies and codes that are kept. */
const CODE_BYTES = 16 * 1024 * 1024

/** Series of tables per series in a request, at most, with which it has the symbols of the tables. */
const MAX_UNSENT = 4
/** A symbol of a table that is not in the request yet. */
const UNKNOWN = 0xffffffff

interface Range {
  readonly block: SampleBlock
  readonly from: number
  readonly to: number
}

/**
 * Writes requests of protocol 2.0.
 *
 * The references of a table are to its own symbols: those of the request are found once per request
 * and table, so that a series costs some writes of varints.
 *
 * @see https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/
 */
export class Writer2 implements RequestWriter {
  readonly #series = new Out()
  readonly #message = new Out()
  readonly #body = new CodedBody()
  readonly #bytes = new SymbolBytes()
  readonly #vocabularies = new Vocabularies(CODE_BYTES)
  /** Symbols with which the request begins. */
  #vocabulary = NO_TABLES
  /** Further symbols of the request. */
  #symbols: string[] = []
  readonly #known = new Map<string, number>()
  /** Symbols of the request for those of the tables in it that the vocabulary does not have. */
  readonly #maps = new Map<SeriesTable, Uint32Array>()
  /** Blocks that are written when the request ends. */
  #blocks: Range[] = []
  #counts: Counts = noCounts()
  /** The received request whose symbols are mapped, and its symbols in this request; 0: none yet. */
  #written: readonly string[] | null = null
  #writtenMap = new Uint32Array(0)

  constructor(private readonly compiler = new Compiler()) {}

  addBlock(block: SampleBlock, from: number, to: number): void {
    this.#blocks.push({ block, from, to })
  }

  #writeBlock({ block, from, to }: Range): void {
    const { table, indexes, values, time, times, exemplars } = block
    const map = this.#mapOf(table)
    for (let i = 0; i < block.target.length; i++) map[i] = this.#symbol(block.target[i])
    const refOf = (symbol: number): number => {
      const known = map[symbol]
      return known === UNKNOWN ? this.#map(map, table, symbol) : known
    }
    const { refs, refsFrom, types, helps, units } = table
    const out = this.#series
    const timeBytes = new Uint8Array(10)
    const timeLength = writeInt64(timeBytes, 0, time)
    let exemplar = exemplars ? firstExemplar(block, from) : 0
    for (let n = from; n < to; n++) {
      const i = indexes ? indexes[n] : n
      const begin = refsFrom[i]
      const end = refsFrom[i + 1]
      out.reserve((end - begin) * REF_BYTES + SERIES_BYTES)
      const { bytes } = out
      // The lengths of the series and its references nearly always take one byte.
      const start = out.at
      let at = start + 4
      for (let k = begin; k < end; k++) {
        const ref = refOf(refs[k])
        if (ref < 0x80) bytes[at++] = ref
        else if (ref < 0x4000) {
          bytes[at++] = (ref & 0x7f) | 0x80
          bytes[at++] = ref >> 7
        } else at = writeVarint(bytes, at, ref)
      }
      const refsLength = at - start - 4
      const own = times ? times[i] : time
      const isCommon = !times || Number.isNaN(own) || own === time
      const ownLength = isCommon ? timeLength : int64Size(own)
      bytes[at++] = SAMPLE
      bytes[at++] = 10 + ownLength
      bytes[at++] = VALUE
      if (values) out.view.setFloat64(at, values[i], true)
      else writeMarker(bytes, at)
      at += 8
      bytes[at++] = SAMPLE_TIME
      if (isCommon) for (let k = 0; k < timeLength; k++) bytes[at++] = timeBytes[k]
      else at = writeInt64(bytes, at, own)
      out.at = at
      if (exemplars) {
        while (exemplar < exemplars.length && exemplars[exemplar].series < i) exemplar++
        while (exemplar < exemplars.length && exemplars[exemplar].series === i)
          this.#exemplar(block, exemplar++)
      }
      at = this.#metadata(out.at, types[i], refOf(helps[i]), refOf(units[i]))
      this.#finishSeries(start, refsLength, at)
    }
    this.#counts.samples += to - from
  }

  addWritten(request: WriteRequest, from: number, to: number, sent: SentKinds): void {
    for (let s = from; s < to; s++) {
      const samples = request.samplesFrom[s + 1] - request.samplesFrom[s]
      const histograms = sent.nativeHistograms
        ? request.histogramsFrom[s + 1] - request.histogramsFrom[s]
        : 0
      if (samples + histograms === 0) continue
      const out = this.#series
      const start = out.at
      const refsLength = this.#writtenRefs(request, s)
      this.#messages(SAMPLE, request, request.sampleRanges, request.samplesFrom[s], samples)
      const first = request.histogramsFrom[s]
      this.#messages(HISTOGRAM, request, request.histogramRanges, first, histograms)
      this.#counts.samples += samples
      this.#counts.histograms += histograms
      if (sent.exemplars) this.#writtenExemplars(request, s)
      out.reserve(SERIES_BYTES)
      const help = this.#writtenSymbol(request, request.helpRefs[s])
      const unit = this.#writtenSymbol(request, request.unitRefs[s])
      let at = this.#metadata(out.at, request.types[s], help, unit)
      const createdAt = request.createdAt[s]
      if (createdAt !== 0) {
        out.bytes[at++] = CREATED
        at = writeInt64(out.bytes, at, createdAt)
      }
      this.#finishSeries(start, refsLength, at)
    }
  }

  /** Leaves room for the keys and lengths in front. @returns the bytes of the references */
  #writtenRefs(request: WriteRequest, s: number): number {
    const { labelRefs, labelsFrom } = request
    const end = labelsFrom[s + 1]
    const out = this.#series
    out.reserve(4 + (end - labelsFrom[s]) * REF_BYTES)
    const begin = out.at + 4
    let at = begin
    for (let k = labelsFrom[s]; k < end; k++)
      at = writeVarint(out.bytes, at, this.#writtenSymbol(request, labelRefs[k]))
    out.at = at
    return at - begin
  }

  /** Copies messages as they came, with all their bits. */
  #messages(
    key: number,
    { bytes: input }: WriteRequest,
    ranges: Uint32Array,
    first: number,
    count: number,
  ): void {
    const out = this.#series
    for (let i = first; i < first + count; i++) {
      const from = ranges[2 * i]
      const to = ranges[2 * i + 1]
      out.reserve(to - from + 8)
      const { bytes } = out
      bytes[out.at++] = key
      out.varint(to - from)
      let { at } = out
      if (to - from > SHORT) at += input.copy(bytes, at, from, to)
      else for (let k = from; k < to; k++) bytes[at++] = input[k]
      out.at = at
    }
  }

  finish(): EncodedRequest {
    const blocks = this.#blocks
    const body = this.#body
    const series = this.#series
    const hasWritten = series.at > 0
    // Symbols of what was received are numbered before those of the tables are known.
    if (!hasWritten && blocks.length > 0) this.#vocabulary = this.#vocabularyOf(blocks)
    // What differs from target to target is not compressed: its references are to be short.
    for (const { block } of blocks) for (const value of block.target) this.#symbol(value)
    /** For each block its code, or up to where it is in `series`. */
    const parts = blocks.map(range => {
      const code = this.#codeOf(range)
      if (code) {
        this.#counts.samples += range.to - range.from
        return code
      }
      this.#writeBlock(range)
      return series.at
    })
    const { samples, histograms, exemplars } = this.#counts
    const message = this.#message
    message.at = 0
    for (const symbol of this.#symbols) message.text(SYMBOL, symbol)
    body.begin()
    body.compressed(this.#vocabulary.elements, this.#vocabulary.messageBytes)
    if (parts.every(part => typeof part === 'number')) {
      // All as one part: the symbols repeat nothing of the series, but the search begins once.
      message.reserve(series.at)
      series.bytes.copy(message.bytes, message.at, 0, series.at)
      message.at += series.at
      body.plain(message.bytes, message.at)
    } else {
      body.plain(message.bytes, message.at)
      let from = 0
      for (const [i, part] of parts.entries()) {
        if (typeof part === 'number') {
          if (typeof parts[i + 1] === 'number') continue
          body.plain(series.bytes.subarray(from), part - from)
          from = part
        } else this.#addCoded(blocks[i], part)
      }
    }
    const finished = body.finish()
    this.discard()
    return { ...finished, samples, histograms, exemplars }
  }

  discard(): void {
    this.#blocks = []
    this.#series.at = 0
    this.#symbols = []
    this.#known.clear()
    this.#maps.clear()
    this.#vocabulary = NO_TABLES
    this.#written = null
    this.#counts = noCounts()
    this.compiler.restart()
  }

  /** None for a small part of large tables: the request would have all of their symbols. */
  #vocabularyOf(blocks: readonly Range[]): Vocabulary {
    const tables = new Set<SeriesTable>()
    let sent = 0
    for (const { block, from, to } of blocks) {
      tables.add(block.table)
      sent += to - from
    }
    let series = 0
    for (const table of tables) series += table.series
    return series > MAX_UNSENT * sent ? NO_TABLES : (this.#vocabularies.of(tables) ?? NO_TABLES)
  }

  /** The code of a block; null if it is written series by series. */
  #codeOf({ block, to }: Range): SeriesCode | null {
    if (this.#vocabulary === NO_TABLES || !isCodable(block)) return null
    let widths = 0
    for (const [i, value] of block.target.entries()) {
      const ref = this.#symbol(value)
      if (ref >= 0x4000 || i >= MAX_CODED_LABELS) return null
      if (ref >= 0x80) widths |= 1 << i
    }
    const code = this.#vocabulary.codeOf(block.table, widths, symbolsOf2)
    return code.compile(to, this.compiler) ? code : null
  }

  #addCoded({ block, from, to }: Range, code: SeriesCode): void {
    const symbols = this.#bytes
    symbols.setTime(block.time)
    let at = TARGET_SYMBOL
    for (const value of block.target) at = writeVarint(symbols.bytes, at, this.#symbol(value))
    this.#body.block({ code, values: block.values!, from, to }, symbols)
  }

  #symbol(text: string): number {
    const known = this.#vocabulary.refOf(text) ?? this.#known.get(text)
    if (known !== undefined) return known
    const index = this.#vocabulary.symbols.length + this.#symbols.length
    this.#symbols.push(text)
    this.#known.set(text, index)
    return index
  }

  #mapOf(table: SeriesTable): Uint32Array {
    const known = this.#vocabulary.refsOf(table) ?? this.#maps.get(table)
    if (known) return known
    const map = new Uint32Array(table.symbols.length).fill(UNKNOWN)
    this.#maps.set(table, map)
    return map
  }

  /** Only what is used is in the request: it may have a small part of a large table. */
  #map(map: Uint32Array, { symbols }: SeriesTable, symbol: number): number {
    const ref = this.#symbol(symbols[symbol])
    map[symbol] = ref
    return ref
  }

  /** The symbol for one of a received request, whose texts are not in latin1 characters. */
  #writtenSymbol({ symbols }: WriteRequest, ref: number): number {
    if (ref === 0) return 0
    if (this.#written !== symbols) {
      this.#written = symbols
      if (this.#writtenMap.length < symbols.length)
        this.#writtenMap = new Uint32Array(2 * symbols.length)
      else this.#writtenMap.fill(0, 0, symbols.length)
    }
    const known = this.#writtenMap[ref]
    if (known > 0) return known
    const symbol = this.#symbol(latin1(symbols[ref]))
    this.#writtenMap[ref] = symbol
    return symbol
  }

  #metadata(start: number, type: number, help: number, unit: number): number {
    const { bytes } = this.#series
    let at = start
    if (type === 0 && help === 0 && unit === 0) return at
    bytes[at] = METADATA
    const from = at + 2
    at = from
    if (type > 0) {
      bytes[at++] = TYPE
      bytes[at++] = type
    }
    if (help > 0) {
      bytes[at++] = HELP_REF
      at = writeVarint(bytes, at, help)
    }
    if (unit > 0) {
      bytes[at++] = UNIT_REF
      at = writeVarint(bytes, at, unit)
    }
    bytes[from - 1] = at - from
    return at
  }

  #exemplar({ time, exemplars }: SampleBlock, index: number): void {
    const { labels, value, timestamp } = exemplars![index]
    const refs = labels.flatMap(label => [
      this.#symbol(latin1(label.name)),
      this.#symbol(latin1(label.value)),
    ])
    this.#writeExemplar(
      refs,
      at => {
        this.#series.view.setFloat64(at, value, true)
      },
      timestamp ?? time,
    )
  }

  #writtenExemplars(request: WriteRequest, series: number): void {
    const { bytes, exemplarsFrom, exemplarRefs, exemplarRefsFrom, exemplarValueAt } = request
    for (let i = exemplarsFrom[series]; i < exemplarsFrom[series + 1]; i++) {
      const refs: number[] = []
      for (let k = exemplarRefsFrom[i]; k < exemplarRefsFrom[i + 1]; k++)
        refs.push(this.#writtenSymbol(request, exemplarRefs[k]))
      const from = exemplarValueAt[i]
      this.#writeExemplar(
        refs,
        at => {
          if (from >= 0) bytes.copy(this.#series.bytes, at, from, from + 8)
          else this.#series.bytes.fill(0, at, at + 8)
        },
        request.exemplarTimes[i],
      )
    }
  }

  #writeExemplar(refs: readonly number[], writeValue: (at: number) => void, time: number): void {
    const out = this.#series
    const refsLength = refs.reduce((sum, ref) => sum + varintSize(ref), 0)
    const length =
      (refsLength > 0 ? 1 + varintSize(refsLength) + refsLength : 0) + 9 + 1 + int64Size(time)
    out.reserve(length + 12)
    out.bytes[out.at++] = EXEMPLAR
    out.varint(length)
    if (refsLength > 0) {
      out.bytes[out.at++] = REFS
      out.varint(refsLength)
      for (const ref of refs) out.varint(ref)
    }
    out.bytes[out.at++] = EXEMPLAR_VALUE
    writeValue(out.at)
    out.at += 8
    out.bytes[out.at++] = EXEMPLAR_TIME
    out.at = writeInt64(out.bytes, out.at, time)
    out.reserve(SERIES_BYTES)
    this.#counts.exemplars++
  }

  /**
   * Writes the keys and lengths in front of the series, which moves if they take more than four
   * bytes.
   *
   * @param start offset of the key of the series
   * @param end offset after the series
   */
  #finishSeries(start: number, refsLength: number, end: number): void {
    const out = this.#series
    const { bytes } = out
    const length = end - start - 2
    if (length < 0x80 && refsLength < 0x80) {
      bytes[start] = SERIES
      bytes[start + 1] = length
      bytes[start + 2] = REFS
      bytes[start + 3] = refsLength
      out.at = end
      return
    }
    const content = end - start - 4
    const inner = 1 + varintSize(refsLength) + content
    const head = 1 + varintSize(inner) + 1 + varintSize(refsLength)
    out.at = end
    out.reserve(head)
    out.bytes.copyWithin(start + head, start + 4, end)
    out.at = start
    out.bytes[out.at++] = SERIES
    out.varint(inner)
    out.bytes[out.at++] = REFS
    out.varint(refsLength)
    out.at = start + head + content
  }
}

export function writeMarker(bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 4; i++) {
    bytes[at + i] = (STALE_MARKER.low >>> (8 * i)) & 0xff
    bytes[at + 4 + i] = (STALE_MARKER.high >>> (8 * i)) & 0xff
  }
}

/** Index of the first exemplar of the block's series from `from` on. */
function firstExemplar({ indexes, exemplars }: SampleBlock, from: number): number {
  const series = indexes ? indexes[from] : from
  const found = exemplars!.findIndex(exemplar => exemplar.series >= series)
  return found < 0 ? exemplars!.length : found
}
