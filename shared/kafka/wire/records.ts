import type { LogRecord } from '../types.js'

export interface SliceLimits {
  readonly records: number
  /** Bytes of values, counted until the slice is that long; one record may exceed it. */
  readonly bytes: number
}

/** Some records in offset order, and the position after them. */
export interface Slice {
  readonly records: readonly LogRecord[]
  readonly next: number
}

/** What a batch says of its records. */
export interface Header {
  readonly format: number
  readonly base: number
  readonly last: number
  readonly count: number
  readonly codec: number
  readonly control: boolean
  /** Of all records, Unix ms; −∞ when they carry the time of their producer. */
  readonly appendTime: number
}

/** Hands out the records of one batch in order. */
export interface BatchReader {
  /** Appends to `builder` until a limit is reached; true when nothing is left. */
  fill(builder: SliceBuilder): boolean
}

/** The slice in the making. */
export class SliceBuilder {
  #records: LogRecord[] = []
  #bytes = 0
  readonly #limits: SliceLimits
  #taken: number

  constructor(
    public next: number,
    limits: SliceLimits,
  ) {
    this.#limits = limits
    this.#taken = next
  }

  get isFull(): boolean {
    return this.#records.length >= this.#limits.records || this.#bytes >= this.#limits.bytes
  }

  get hasPending(): boolean {
    return this.#records.length > 0 || this.next !== this.#taken
  }

  add(record: LogRecord): void {
    this.#records.push(record)
    this.#bytes += record.value === null ? 0 : record.value.length
    this.next = record.offset + 1
  }

  take(): Slice {
    const slice = { records: this.#records, next: this.next }
    this.#records = []
    this.#bytes = 0
    this.#taken = this.next
    return slice
  }
}

/** What a batch holds that cannot be read: its records by their count alone. */
export class UnreadableBatch implements BatchReader {
  constructor(
    readonly header: Header,
    private done: number,
    readonly reason: NonNullable<LogRecord['unreadable']>,
  ) {}

  fill(builder: SliceBuilder): boolean {
    const { base, count, appendTime: timestamp } = this.header
    while (this.done < count) {
      if (builder.isFull) return false
      const offset = base + this.done++
      if (offset < builder.next) continue
      builder.add({ offset, timestamp, key: null, value: null, unreadable: this.reason })
    }
    return true
  }
}

/**
 * The records of one readable batch:
 *   length varint · attributes i8 · timestamp delta varlong · offset delta varint · key · value · headers
 * Headers are skipped, and so is the delta: the time is the batch's.
 */
export class ReadableBatch implements BatchReader {
  #at: number
  #remaining: number
  #unreadableRest: BatchReader | null = null

  constructor(
    readonly bytes: Buffer,
    at: number,
    readonly end: number,
    readonly header: Header,
    readonly report: (firstOffset: number, records: number, error: Error) => void,
  ) {
    this.#at = at
    this.#remaining = header.count
  }

  fill(builder: SliceBuilder): boolean {
    if (this.#unreadableRest) return this.#unreadableRest.fill(builder)
    while (this.#remaining > 0) {
      if (builder.isFull) return false
      const record = this.#read()
      if (record === null) {
        const done = this.header.count - this.#remaining
        this.report(this.header.base + done, this.#remaining, new Error('a record is longer than its batch'))
        this.#unreadableRest = new UnreadableBatch(this.header, done, 'corrupt')
        return this.#unreadableRest.fill(builder)
      }
      this.#remaining--
      if (record.offset >= builder.next) builder.add(record)
    }
    return true
  }

  /** Null when the bytes do not hold what they promise. */
  #read(): LogRecord | null {
    const { bytes, header } = this
    varint.at = this.#at
    const length = readVarint(bytes)
    const end = varint.at + length
    if (!(length >= 0 && end <= this.end)) return null
    varint.at++ // attributes, unused
    readVarint(bytes)
    const offsetDelta = readVarint(bytes)
    const keyLength = readVarint(bytes)
    const keyStart = varint.at
    if (keyLength > 0) varint.at += keyLength
    if (varint.at > end) return null
    const valueLength = readVarint(bytes)
    const valueStart = varint.at
    if (valueLength > 0) varint.at += valueLength
    if (varint.at > end) return null
    const offset = header.base + offsetDelta
    if (!(offset >= header.base && offset <= header.last)) return null
    this.#at = end
    return {
      offset,
      timestamp: header.appendTime,
      key: keyLength < 0 ? null : bytes.subarray(keyStart, keyStart + keyLength),
      value: valueLength < 0 ? null : bytes.subarray(valueStart, valueStart + valueLength),
    }
  }
}

/** Where `readVarint` reads next: a number in an object is faster than a pair returned. */
const varint = { at: 0 }

/** Zigzag, up to ten bytes; past the end, or longer, `varint.at` leaves every bound. */
function readVarint(bytes: Buffer): number {
  let byte = bytes[varint.at++]!
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
  let value = byte & 0x7f
  let factor = 128
  for (let i = 1; i < 10; i++) {
    byte = bytes[varint.at++]!
    if (byte === undefined) break
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    factor *= 128
  }
  varint.at = Number.POSITIVE_INFINITY
  return 0
}
