import type { LogRecord } from '../types.js'

export interface SliceLimits {
  readonly records: number
  /** Bytes of values after which a slice ends; one record may exceed it. */
  readonly bytes: number
}

/** Records in offset order, and the position after them. */
export interface Slice {
  readonly records: readonly LogRecord[]
  readonly next: number
}

/** Header of a batch. */
export interface Header {
  readonly format: number
  readonly base: number
  readonly last: number
  readonly count: number
  readonly codec: number
  readonly control: boolean
  /** Append time of all records, Unix ms; −∞ if they have the time of their producer. */
  readonly appendTime: number
}

/** Called for an unreadable batch. */
export type UnreadableReport = (firstOffset: number, records: number, error: Error) => void

/** Returns the records of one batch in order. */
export interface BatchReader {
  /** Appends records until the slice is full. True if none is left. */
  fill(builder: SliceBuilder): boolean
}

/** Builds slices. */
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

/** Records of an unreadable batch: offsets without keys and values. */
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
 * Records of a readable batch:
 *   length varint · attributes i8 · timestamp delta varlong · offset delta varint · key · value ·
 *   headers
 * Headers and timestamp deltas are skipped: the time is that of the batch.
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
    readonly report: UnreadableReport | undefined,
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
        this.report?.(
          this.header.base + done,
          this.#remaining,
          new Error('a record is longer than its batch'),
        )
        this.#unreadableRest = new UnreadableBatch(this.header, done, 'corrupt')
        return this.#unreadableRest.fill(builder)
      }
      this.#remaining--
      if (record.offset >= builder.next) builder.add(record)
    }
    return true
  }

  /** Null if the record is malformed. */
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

/** Position of `readVarint`: a number in an object is faster than returning a pair. */
const varint = { at: 0 }

/** Zigzag, ten bytes at most. Beyond the end or with more bytes, `varint.at` becomes infinite. */
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
