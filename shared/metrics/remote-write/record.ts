import {
  CREATED_TIMESTAMP,
  EXEMPLAR_TIMESTAMP,
  EXEMPLAR_VALUE,
  EXEMPLARS,
  HELP_REF,
  LABELS_REFS,
  METADATA,
  SYMBOLS,
  TIMESERIES,
  TYPE,
  UNIT_REF,
} from './fields-v2.js'
import { int64Size, Output, varintSize } from './output.js'
import { SYMBOL_OK, WRITE_TYPES, type WriteRequest, type WrittenFamily } from './request.js'

/** Maximum bytes of a key and a length. */
const HEAD = 6
const DOUBLE_BYTES = 8
/** A buffer costs a microsecond, and the garbage collector another one. */
const CHUNK_BYTES = 64 * 1024
const MIN_CHUNK_BYTES = 8 * 1024
const NO_BYTES = Buffer.alloc(0)
const NAME = Buffer.from('__name__')

/** Bytes of a field with its key and length. */
export const fieldSize = (length: number): number => 1 + varintSize(length) + length

/** One record: a request of protocol 2.0, uncompressed. */
export class RecordOutput {
  readonly #symbols = new Output(16 * 1024)
  readonly #series = new Output(64 * 1024)
  #request!: WriteRequest
  /** Index of each symbol of the request in this record, if it is there. */
  #indices = new Uint32Array(0)
  /** Number of the record to which each symbol was written. */
  #writtenTo = new Uint32Array(0)
  #record = 0
  /** Memory for records. */
  #chunk = NO_BYTES
  /** Bytes of the records of the request so far. */
  #taken = 0
  #count = 0
  /** Index of `__name__`; 0 until a family needs it. */
  #name = 0
  /** References of the message that is written. */
  #refs = new Uint32Array(256)
  #type = 0
  #help = 0
  #unit = 0
  #metadataSize = 0

  get length(): number {
    return this.#symbols.length + this.#series.length
  }

  get isEmpty(): boolean {
    return this.#series.length === 0
  }

  /** Begins the records of a request. */
  begin(request: WriteRequest): void {
    this.#request = request
    const { length } = request.symbols
    if (length > this.#indices.length || this.#indices.length > 64 * (length + 1024)) {
      this.#indices = new Uint32Array(2 * length)
      this.#writtenTo = new Uint32Array(2 * length)
    }
    this.#chunk = NO_BYTES
    this.#taken = 0
    this.clear()
  }

  /** Begins the next record. */
  clear(): void {
    if (++this.#record === 2 ** 32) {
      this.#writtenTo.fill(0)
      this.#record = 1
    }
    this.#symbols.clear()
    this.#series.clear()
    // The first symbol is empty.
    this.#symbols.byte(SYMBOLS)
    this.#symbols.byte(0)
    this.#indices[0] = 0
    this.#writtenTo[0] = this.#record
    this.#count = 1
    this.#name = 0
  }

  /** The record, in memory that it may share with other records of the request. */
  take(): Buffer {
    const { length } = this
    if (length > this.#chunk.length) {
      // Records together have about as many bytes as their request.
      const rest = this.#request.bytes.length - this.#taken
      this.#chunk = Buffer.allocUnsafeSlow(
        Math.max(length, Math.min(CHUNK_BYTES, Math.max(rest, MIN_CHUNK_BYTES))),
      )
    }
    this.#taken += length
    const bytes = this.#chunk.subarray(0, length)
    this.#chunk = this.#chunk.subarray(length)
    this.#series.copyTo(bytes, this.#symbols.copyTo(bytes, 0))
    this.clear()
    return bytes
  }

  /**
   * Begins the message of a series; its items follow, then `endSeries`.
   *
   * @param refs references of its labels, from `from` (inclusive) to `to` (exclusive)
   * @param itemsSize bytes of its items with their keys and lengths
   */
  beginSeries(s: number, refs: Uint32Array, from: number, to: number, itemsSize: number): void {
    const { types, helpRefs, unitRefs, createdAt } = this.#request
    const refsSize = this.#mapRefs(refs, from, to)
    this.#mapMetadata(types[s], helpRefs[s], unitRefs[s])
    const created = createdAt[s]
    this.#begin(to - from, refsSize, itemsSize + (created === 0 ? 0 : 1 + int64Size(created)))
  }

  /** Writes a series that carries the metadata of a family: it has its name, and no samples. */
  addFamily({ type, nameRef, helpRef, unitRef }: WrittenFamily): void {
    const name = this.#nameIndex()
    const value = this.#index(nameRef)
    this.#mapMetadata(WRITE_TYPES.indexOf(type), helpRef, unitRef)
    this.#refs[0] = name
    this.#refs[1] = value
    this.#begin(2, varintSize(name) + varintSize(value), 0)
    this.#writeMetadata()
  }

  /** Copies a part of the request that is fields of the series. */
  copy(from: number, to: number): void {
    this.#series.copy(this.#request.bytes, from, to)
  }

  /** Copies a message of the request as a field of the series. */
  copyField(key: number, from: number, to: number): void {
    const out = this.#series
    out.byte(key)
    out.varint(to - from)
    out.copy(this.#request.bytes, from, to)
  }

  /** Bytes of an exemplar with its key and length. Its symbols are added to the record. */
  exemplarSize(i: number): number {
    return fieldSize(this.#exemplarBytes(i))
  }

  copyExemplar(i: number): void {
    const { bytes, exemplarRefsFrom, exemplarValueAt, exemplarTimes } = this.#request
    const out = this.#series
    const size = this.#exemplarBytes(i)
    out.byte(EXEMPLARS)
    out.varint(size)
    const count = exemplarRefsFrom[i + 1] - exemplarRefsFrom[i]
    this.#writeRefs(out, count, this.#mapExemplarRefs(i))
    if (exemplarValueAt[i] >= 0) {
      out.byte(EXEMPLAR_VALUE)
      out.copy(bytes, exemplarValueAt[i], exemplarValueAt[i] + DOUBLE_BYTES)
    }
    if (exemplarTimes[i] === 0) return
    out.byte(EXEMPLAR_TIMESTAMP)
    out.int64(exemplarTimes[i])
  }

  endSeries(s: number): void {
    const created = this.#request.createdAt[s]
    this.#writeMetadata()
    if (created === 0) return
    this.#series.byte(CREATED_TIMESTAMP)
    this.#series.int64(created)
  }

  /** @param restSize bytes of everything but labels and metadata */
  #begin(count: number, refsSize: number, restSize: number): void {
    const size =
      (count > 0 ? fieldSize(refsSize) : 0) +
      restSize +
      (this.#metadataSize > 0 ? fieldSize(this.#metadataSize) : 0)
    const out = this.#series
    out.reserve(HEAD + size)
    out.byte(TIMESERIES)
    out.varint(size)
    this.#writeRefs(out, count, refsSize)
  }

  /** @returns the index of a symbol of the request in this record */
  #index(ref: number): number {
    if (this.#writtenTo[ref] === this.#record) return this.#indices[ref]
    const { bytes, symbolRanges } = this.#request
    this.#writtenTo[ref] = this.#record
    this.#indices[ref] = this.#addSymbol(bytes, symbolRanges[2 * ref], symbolRanges[2 * ref + 1])
    return this.#indices[ref]
  }

  /** @returns the index of `__name__` */
  #nameIndex(): number {
    if (this.#name === 0) this.#name = this.#addSymbol(NAME, 0, NAME.length)
    return this.#name
  }

  #addSymbol(bytes: Buffer, from: number, to: number): number {
    const out = this.#symbols
    out.reserve(HEAD + to - from)
    out.byte(SYMBOLS)
    out.varint(to - from)
    out.copy(bytes, from, to)
    return this.#count++
  }

  /** @returns the bytes of the references in this record */
  #mapRefs(refs: Uint32Array, from: number, to: number): number {
    const count = to - from
    if (count > this.#refs.length) this.#refs = new Uint32Array(2 * count)
    const mapped = this.#refs
    const indices = this.#indices
    const writtenTo = this.#writtenTo
    const record = this.#record
    let all = 0
    for (let i = 0; i < count; i++) {
      const ref = refs[from + i]
      const index = writtenTo[ref] === record ? indices[ref] : this.#index(ref)
      mapped[i] = index
      all |= index
    }
    // Most records have fewer than 128 symbols.
    if (all < 0x80) return count
    let size = 0
    for (let i = 0; i < count; i++) size += varintSize(mapped[i])
    return size
  }

  #writeRefs(out: Output, count: number, size: number): void {
    if (count === 0) return
    out.byte(LABELS_REFS)
    out.varint(size)
    if (size === count) out.bytes(this.#refs, count)
    else for (let i = 0; i < count; i++) out.varint(this.#refs[i])
  }

  /** A text that cannot be used is left out. */
  #mapMetadata(type: number, helpRef: number, unitRef: number): void {
    const { symbolStates } = this.#request
    this.#type = type
    this.#help = symbolStates[helpRef] === SYMBOL_OK ? this.#index(helpRef) : 0
    this.#unit = symbolStates[unitRef] === SYMBOL_OK ? this.#index(unitRef) : 0
    this.#metadataSize = numberSize(type) + numberSize(this.#help) + numberSize(this.#unit)
  }

  #writeMetadata(): void {
    if (this.#metadataSize === 0) return
    const out = this.#series
    out.byte(METADATA)
    out.varint(this.#metadataSize)
    this.#writeNumber(out, TYPE, this.#type)
    this.#writeNumber(out, HELP_REF, this.#help)
    this.#writeNumber(out, UNIT_REF, this.#unit)
  }

  #writeNumber(out: Output, key: number, value: number): void {
    if (value === 0) return
    out.byte(key)
    out.varint(value)
  }

  #mapExemplarRefs(i: number): number {
    const { exemplarRefs, exemplarRefsFrom } = this.#request
    return this.#mapRefs(exemplarRefs, exemplarRefsFrom[i], exemplarRefsFrom[i + 1])
  }

  #exemplarBytes(i: number): number {
    const { exemplarRefsFrom, exemplarValueAt, exemplarTimes } = this.#request
    const refsSize = this.#mapExemplarRefs(i)
    const time = exemplarTimes[i]
    return (
      (exemplarRefsFrom[i + 1] > exemplarRefsFrom[i] ? fieldSize(refsSize) : 0) +
      (exemplarValueAt[i] < 0 ? 0 : 1 + DOUBLE_BYTES) +
      (time === 0 ? 0 : 1 + int64Size(time))
    )
  }
}

/** Bytes of a field with a number; it is left out if it is 0. */
const numberSize = (value: number): number => (value === 0 ? 0 : 1 + varintSize(value))
