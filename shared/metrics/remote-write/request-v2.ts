import type { Steps } from '../../base/steps.js'
import { LENGTH, type WireReader } from '../protobuf/wire.js'
import type { RequestColumns } from './columns.js'
import {
  CREATED_TIMESTAMP,
  EXEMPLAR_TIMESTAMP,
  EXEMPLAR_VALUE,
  EXEMPLARS,
  HELP_REF,
  HISTOGRAMS,
  LABELS_REF,
  LABELS_REFS,
  METADATA,
  SAMPLES,
  SYMBOLS,
  TIMESERIES,
  TYPE,
  UNIT_REF,
} from './fields-v2.js'
import type { WriteLimits } from './limits.js'
import { RequestReading } from './reading.js'
import { WRITE_TYPES } from './request.js'
import { UsualSeries } from './usual-series.js'

/** Numbers of the fields of each message, as a bit mask. */
const REQUEST_FIELDS = 0b110000
const SERIES_FIELDS = 0b1111110
const EXEMPLAR_FIELDS = 0b1110
const METADATA_FIELDS = 0b11010

const TWO_32 = 2 ** 32

/** Reads `io.prometheus.write.v2.Request`. */
export class RequestV2 extends RequestReading {
  /** The largest reference. */
  #maxRef = 0
  readonly #usual: UsualSeries

  constructor(wire: WireReader, columns: RequestColumns, limits: WriteLimits) {
    super(wire, columns, limits)
    this.#usual = new UsualSeries(wire.bytes, columns, limits)
  }

  protected override usualMessages(stop: number): void {
    this.wire.at = this.#usual.read(this.wire.at, stop)
  }

  protected override isSeries(key: number): boolean {
    return key === TIMESERIES
  }

  protected override topField(key: number, end: number): void {
    const { wire } = this
    if (key !== SYMBOLS) {
      wire.skip(key, end, REQUEST_FIELDS)
      return
    }
    const to = wire.length(end)
    this.addSymbol(wire.at, to)
    wire.at = to
  }

  override *end(): Steps<void> {
    const { wire, columns } = this
    const { symbols, symbolRanges } = columns
    yield
    // References to an empty table mean that there is nothing.
    if (symbols.length === 0) this.addSymbol(0, 0)
    else if (symbolRanges[1] > symbolRanges[0])
      wire.refuse('value', 'the first symbol is not empty; begin with an empty one', 0)
    const last = Math.max(this.#maxRef, this.#usual.maxRef)
    if (last >= symbols.length)
      wire.refuse('value', `a reference to symbol ${last}, of ${symbols.length}; send all symbols`)
  }

  protected override seriesFields(stop: number, end: number): void {
    while (this.wire.at < stop) this.#seriesField(this.wire.key(end), end)
  }

  #seriesField(key: number, end: number): void {
    const { wire, columns } = this
    if ((key & 7) === LENGTH && key >= LABELS_REFS && key <= METADATA) {
      const to = wire.length(end)
      this.#message(key, wire.at, to)
      wire.at = to
    } else if (key === LABELS_REF) this.#labelRef(end)
    else if (key === CREATED_TIMESTAMP) columns.createdAt[columns.series - 1] = wire.int64(end)
    else wire.skip(key, end, SERIES_FIELDS)
  }

  #message(key: number, from: number, to: number): void {
    if (key === LABELS_REFS) this.#labelRefs(from, to)
    else if (key === SAMPLES) this.sample(from, to)
    else if (key === HISTOGRAMS) this.histogram(from, to)
    else if (key === EXEMPLARS) this.#exemplar(from, to)
    else this.#metadata(from, to)
  }

  /** Reads packed references. */
  #labelRefs(from: number, to: number): void {
    const { wire } = this
    wire.at = from
    while (wire.at < to) this.#labelRef(to)
  }

  #labelRef(end: number): void {
    const { columns } = this
    columns.reserveLabelRefs(1)
    columns.labelRefs[columns.labelRefCount++] = this.#ref(end)
    this.checkLabels()
  }

  /** Reads a reference. */
  #ref(end: number): number {
    const { wire } = this
    const start = wire.at
    const ref = wire.uint64(end)
    if (ref >= TWO_32) wire.refuse('value', `a reference to symbol ${ref}`, start)
    if (ref > this.#maxRef) this.#maxRef = ref
    return ref
  }

  #metadata(from: number, end: number): void {
    const { wire, columns } = this
    const s = columns.series - 1
    wire.at = from
    for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
      if (key === TYPE) {
        const type = wire.uint64(end)
        columns.types[s] = type < WRITE_TYPES.length ? type : 0
      } else if (key === HELP_REF) columns.helpRefs[s] = this.#ref(end)
      else if (key === UNIT_REF) columns.unitRefs[s] = this.#ref(end)
      else wire.skip(key, end, METADATA_FIELDS)
    }
  }

  #exemplar(from: number, end: number): void {
    const { wire, columns } = this
    this.beginExemplar()
    const i = columns.exemplars - 1
    wire.at = from
    for (let key = wire.key(end); key !== 0; key = wire.key(end)) {
      if (key === LABELS_REFS) {
        const to = wire.length(end)
        while (wire.at < to) this.addExemplarRef(this.#ref(to))
      } else if (key === LABELS_REF) this.addExemplarRef(this.#ref(end))
      else if (key === EXEMPLAR_VALUE) {
        columns.exemplarValueAt[i] = wire.at
        wire.double(end)
      } else if (key === EXEMPLAR_TIMESTAMP) columns.exemplarTimes[i] = wire.int64(end)
      else wire.skip(key, end, EXEMPLAR_FIELDS)
    }
    if ((columns.exemplarRefCount - columns.exemplarRefsFrom[i]) % 2 === 1)
      wire.refuse('label', 'a label of an exemplar has a name without a value', from)
    columns.endExemplar()
  }
}
