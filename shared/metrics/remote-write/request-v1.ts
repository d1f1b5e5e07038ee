import type { Steps } from '../../base/steps.js'
import { FIXED64, keyOf, LENGTH, VARINT, type WireReader } from '../protobuf/wire.js'
import { attachFamilies } from './attach-families.js'
import type { RequestColumns } from './columns.js'
import type { WriteLimits } from './limits.js'
import { RequestReading } from './reading.js'
import { SYMBOL_OK, WRITE_TYPES, type WriteType } from './request.js'
import { isSame, type SymbolTable } from './symbols.js'

const TIMESERIES = keyOf(1, LENGTH)
const FAMILY = keyOf(3, LENGTH)
const REQUEST_FIELDS = 0b1010

const LABELS = keyOf(1, LENGTH)
const SAMPLES = keyOf(2, LENGTH)
const EXEMPLARS = keyOf(3, LENGTH)
const HISTOGRAMS = keyOf(4, LENGTH)
const SERIES_FIELDS = 0b11110

const LABEL_NAME = keyOf(1, LENGTH)
const LABEL_VALUE = keyOf(2, LENGTH)
const LABEL_FIELDS = 0b110

const EXEMPLAR_LABELS = keyOf(1, LENGTH)
const EXEMPLAR_VALUE = keyOf(2, FIXED64)
const EXEMPLAR_TIMESTAMP = keyOf(3, VARINT)
const EXEMPLAR_FIELDS = 0b1110

const FAMILY_TYPE = keyOf(1, VARINT)
const FAMILY_NAME = keyOf(2, LENGTH)
const FAMILY_HELP = keyOf(4, LENGTH)
const FAMILY_UNIT = keyOf(5, LENGTH)
const FAMILY_FIELDS = 0b110110

/** Whether the key is that of a field of a series. */
const isField = (key: number): boolean =>
  key === LABELS || key === SAMPLES || key === EXEMPLARS || key === HISTOGRAMS

/**
 * Reads `prometheus.WriteRequest`. Equal texts become one symbol.
 *
 * @see https://github.com/prometheus/prometheus/blob/main/prompb/types.proto
 */
export class RequestV1 extends RequestReading {
  /** Symbols of the label that was read. */
  #name = 0
  #value = 0
  readonly #message: DataView

  constructor(
    wire: WireReader,
    columns: RequestColumns,
    limits: WriteLimits,
    private readonly table: SymbolTable,
  ) {
    super(wire, columns, limits)
    const { bytes } = wire
    this.#message = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    table.clear()
    // Symbol 0 is empty.
    this.addSymbol(0, 0)
  }

  protected override isSeries(key: number): boolean {
    return key === TIMESERIES
  }

  protected override topField(key: number, end: number): void {
    const { wire } = this
    if (key === FAMILY) this.#family(wire.length(end))
    else wire.skip(key, end, REQUEST_FIELDS)
  }

  override *end(): Steps<void> {
    yield* attachFamilies(this.columns)
  }

  protected override seriesFields(stop: number, end: number): void {
    const { wire } = this
    const { bytes } = wire
    while (wire.at < stop) {
      const { at } = wire
      const key = bytes[at]
      const length = bytes[at + 1]
      const to = at + 2 + length
      // What senders write: lengths of one byte.
      if (length < 0x80 && to <= end && isField(key)) {
        this.#field(key, at + 2, to)
        wire.at = to
      } else this.#anyField(end)
    }
  }

  #anyField(end: number): void {
    const { wire } = this
    const key = wire.key(end)
    if (!isField(key)) {
      wire.skip(key, end, SERIES_FIELDS)
      return
    }
    const to = wire.length(end)
    this.#field(key, wire.at, to)
    wire.at = to
  }

  #field(key: number, from: number, to: number): void {
    if (key === LABELS) this.#seriesLabel(from, to)
    else if (key === SAMPLES) this.sample(from, to)
    else if (key === EXEMPLARS) this.#exemplar(from, to)
    else this.histogram(from, to)
  }

  #seriesLabel(from: number, to: number): void {
    const { columns } = this
    const s = columns.series - 1
    // The label at the same place of the series before: it often has the same name, or is the same.
    const place = columns.labelRefCount - columns.labelsFrom[s]
    const like = s > 0 ? columns.labelsFrom[s - 1] + place : -1
    this.#label(from, to, like < columns.labelsFrom[s] ? like : -1)
    columns.reserveLabelRefs(2)
    columns.labelRefs[columns.labelRefCount++] = this.#name
    columns.labelRefs[columns.labelRefCount++] = this.#value
    this.checkLabels()
  }

  /**
   * Reads a label into `#name` and `#value`.
   *
   * @param like index of the references of a label that may be the same, or −1
   */
  #label(from: number, end: number, like: number): void {
    const { wire, columns } = this
    const { bytes } = wire
    // What senders write: both fields in their order, with lengths of one byte.
    const nameEnd = from + 2 + bytes[from + 1]
    if (
      nameEnd + 2 <= end &&
      bytes[from] === LABEL_NAME &&
      bytes[from + 1] < 0x80 &&
      bytes[nameEnd] === LABEL_VALUE &&
      bytes[nameEnd + 1] < 0x80 &&
      nameEnd + 2 + bytes[nameEnd + 1] === end
    ) {
      const { labelRefs } = columns
      this.#name = this.#symbolLike(from + 2, nameEnd, like < 0 ? 0 : labelRefs[like])
      this.#value = this.#symbolLike(nameEnd + 2, end, like < 0 ? 0 : labelRefs[like + 1])
      return
    }
    this.#name = 0
    this.#value = 0
    wire.at = from
    for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
      if (key === LABEL_NAME || key === LABEL_VALUE) {
        const to = wire.length(end)
        const symbol = this.#symbol(wire.at, to)
        if (key === LABEL_NAME) this.#name = symbol
        else this.#value = symbol
        wire.at = to
      } else wire.skip(key, end, LABEL_FIELDS)
    }
  }

  /** @param like a symbol that may be the same */
  #symbolLike(from: number, to: number, like: number): number {
    return isSame(this.#message, from, to, this.columns.symbolRanges, like)
      ? like
      : this.#symbol(from, to)
  }

  #symbol(from: number, to: number): number {
    if (from === to) return 0
    const { columns, limits } = this
    // Only whether it is too long is known of a long text: do not hash it.
    if (to - from > limits.textBytes) return this.addSymbol(from, to)
    const found = this.table.find(this.#message, from, to, columns.symbolRanges)
    if (found >= 0) return found
    const added = this.addSymbol(from, to)
    this.table.add(added)
    return added
  }

  #exemplar(from: number, end: number): void {
    const { wire, columns } = this
    this.beginExemplar()
    const i = columns.exemplars - 1
    wire.at = from
    for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
      if (key === EXEMPLAR_LABELS) {
        const to = wire.length(end)
        this.#label(wire.at, to, -1)
        this.addExemplarRef(this.#name)
        this.addExemplarRef(this.#value)
        wire.at = to
      } else if (key === EXEMPLAR_VALUE) {
        columns.exemplarValueAt[i] = wire.at
        wire.double(end)
      } else if (key === EXEMPLAR_TIMESTAMP) columns.exemplarTimes[i] = wire.int64(end)
      else wire.skip(key, end, EXEMPLAR_FIELDS)
    }
    columns.endExemplar()
  }

  /** Families without a usable name are left out. */
  #family(end: number): void {
    const { wire, columns, limits } = this
    if (columns.families.length === limits.families) this.tooMany(limits.families, 'families')
    let type: WriteType = 'unknown'
    let nameRef = 0
    let helpRef = 0
    let unitRef = 0
    for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
      if (key === FAMILY_TYPE) type = WRITE_TYPES[wire.uint64(end)] ?? 'unknown'
      else if (key === FAMILY_NAME) nameRef = this.#text(end)
      else if (key === FAMILY_HELP) helpRef = this.#text(end)
      else if (key === FAMILY_UNIT) unitRef = this.#text(end)
      else wire.skip(key, end, FAMILY_FIELDS)
    }
    const { symbols } = columns
    if (symbols[nameRef] === '') return
    columns.families.push({
      name: symbols[nameRef],
      type,
      help: symbols[helpRef],
      unit: symbols[unitRef],
      nameRef,
      helpRef,
      unitRef,
      isAttached: false,
    })
  }

  /** @returns a symbol; the empty one for a text that cannot be used */
  #text(end: number): number {
    const { wire, columns } = this
    const to = wire.length(end)
    const symbol = this.#symbol(wire.at, to)
    wire.at = to
    return columns.symbolStates[symbol] === SYMBOL_OK ? symbol : 0
  }
}
