import { KIND, type Kind, kindOf } from './report-series.js'
import { nameOf, type SeriesText } from './series-text.js'

/** Metadata of a series, as sent with it. */
export interface Metadata {
  /** Index into `WRITE_TYPES`. */
  readonly type: number
  readonly help: string
  readonly unit: string
}

const NO_METADATA: Metadata = { type: 0, help: '', unit: '' }

/** Memory of a series besides its texts: columns, entries of maps, metadata, its place in plans. */
const SERIES_BYTES = 178
/** A text of Latin-1 characters, and the header of the string. */
const textBytes = (text: string): number => 24 + text.length

/** V8 keeps arrays of at most 64 bytes in its heap: others take 300 bytes besides their items. */
const INITIAL_SLOTS = 8

/**
 * The series of one target. Each has a slot, an index into the columns, as long as it is known: at
 * least until it has had no sample for the lookback.
 *
 * The columns are public because the hot loops in other files use them directly.
 */
export class SeriesTable {
  readonly #slots = new Map<SeriesText, number>()
  readonly #free: number[] = []
  /** By slot; undefined for a free one. */
  readonly #texts: (SeriesText | undefined)[] = []
  readonly #metadata: Metadata[] = []
  kinds = new Uint8Array(INITIAL_SLOTS)
  /** Whether the newest sample of the series is a native histogram. */
  native = new Uint8Array(INITIAL_SLOTS)
  /** Time of the newest sample or stale marker that was accepted, Unix ms. */
  newest = new Float64Array(INITIAL_SLOTS)
  /** Log time of its arrival, Unix ms. */
  seenAt = new Float64Array(INITIAL_SLOTS)
  /** Whether the series has a value in the next snapshot, that value, and its time. */
  present = new Uint8Array(INITIAL_SLOTS)
  values = new Float64Array(INITIAL_SLOTS)
  times = new Float64Array(INITIAL_SLOTS)
  /** The last scrape for which a sample of the series was counted. */
  counted = new Float64Array(INITIAL_SLOTS)
  /** Changes when a slot becomes free. Whoever keeps slots compares it. */
  generation = 0
  /** Changes when the series of a snapshot may have changed. */
  version = 0
  /** Changes when metadata have changed. */
  described = 0
  bytes = 0

  /** Number of slots, free ones included. */
  get length(): number {
    return this.#texts.length
  }

  /** Number of series. */
  get size(): number {
    return this.#slots.size
  }

  slotOf(text: SeriesText): number | undefined {
    return this.#slots.get(text)
  }

  textOf(slot: number): SeriesText | undefined {
    return this.#texts[slot]
  }

  metadataOf(slot: number): Metadata {
    return this.#metadata[slot]
  }

  /** Estimated memory of a new series with this text, bytes. */
  static bytesOf(text: SeriesText): number {
    return SERIES_BYTES + textBytes(text)
  }

  add(text: SeriesText): number {
    const slot = this.#free.pop() ?? this.#texts.length
    if (slot >= this.kinds.length) this.#grow()
    this.#texts[slot] = text
    this.#metadata[slot] = NO_METADATA
    this.#slots.set(text, slot)
    this.kinds[slot] = kindOf(nameOf(text))
    this.native[slot] = 0
    this.newest[slot] = Number.NEGATIVE_INFINITY
    this.seenAt[slot] = Number.NEGATIVE_INFINITY
    this.present[slot] = 0
    this.times[slot] = Number.NEGATIVE_INFINITY
    this.counted[slot] = -1
    this.bytes += SeriesTable.bytesOf(text)
    return slot
  }

  /** Keeps what is known if nothing is sent: metadata need not come with every sample. */
  describe(slot: number, type: number, help: string, unit: string): void {
    const known = this.#metadata[slot]
    if (type === known.type && help === known.help && unit === known.unit) return
    if (type === 0 && help === '' && unit === '') return
    this.#metadata[slot] = { type, help, unit }
    this.bytes += help.length + unit.length - known.help.length - known.unit.length
    this.described++
  }

  setKind(slot: number, kind: Kind): void {
    if (this.kinds[slot] === kind) return
    this.kinds[slot] = kind
    this.version++
  }

  /** Sets the value for the next snapshot, unless it has a newer one. */
  setValue(slot: number, value: number, time: number): void {
    if (time <= this.times[slot]) return
    if (this.present[slot] === 0) {
      this.present[slot] = 1
      this.version++
    }
    this.values[slot] = value
    this.times[slot] = time
  }

  /** The series has no value from this time until its next sample. */
  leave(slot: number, time = this.times[slot]): void {
    if (time < this.times[slot]) return
    this.times[slot] = time
    if (this.present[slot] === 0) return
    this.present[slot] = 0
    this.version++
  }

  /** Removes the value of each series without a sample since `before`. @param before log time */
  expire(before: number): void {
    for (let slot = 0; slot < this.#texts.length; slot++) {
      if (this.present[slot] === 1 && this.seenAt[slot] <= before) this.leave(slot)
    }
  }

  /** Frees the slots of series that are gone. @param isUsed whether something refers to a slot */
  free(before: number, isUsed: (slot: number) => boolean): void {
    for (let slot = 0; slot < this.#texts.length; slot++) {
      const text = this.#texts[slot]
      if (text === undefined || this.present[slot] === 1) continue
      if (this.seenAt[slot] > before || isUsed(slot)) continue
      const { help, unit } = this.#metadata[slot]
      this.bytes -= SeriesTable.bytesOf(text) + help.length + unit.length
      this.#slots.delete(text)
      this.#texts[slot] = undefined
      this.#metadata[slot] = NO_METADATA
      this.kinds[slot] = KIND.ordinary
      this.#free.push(slot)
      this.generation++
    }
  }

  #grow(): void {
    const capacity = this.kinds.length * 2
    this.kinds = grown(this.kinds, new Uint8Array(capacity))
    this.native = grown(this.native, new Uint8Array(capacity))
    this.present = grown(this.present, new Uint8Array(capacity))
    this.newest = grown(this.newest, new Float64Array(capacity))
    this.seenAt = grown(this.seenAt, new Float64Array(capacity))
    this.values = grown(this.values, new Float64Array(capacity))
    this.times = grown(this.times, new Float64Array(capacity))
    this.counted = grown(this.counted, new Float64Array(capacity))
  }
}

function grown<T extends Uint8Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
