import type { Inflate } from '../codecs.js'
import type { LogRecord } from '../types.js'

/*
 * Record batches, format 2 (Kafka 0.11 and newer):
 *   0 base offset i64 · 8 length i32 · 12 leader epoch i32 · 16 magic i8 · 17 CRC u32 · 21 attributes i16 ·
 *   23 last offset delta i32 · 27 first timestamp i64 · 35 max timestamp i64 · 43 producer id i64 · 51 producer epoch i16 ·
 *   53 base sequence i32 · 57 record count i32 · 61 records
 * https://kafka.apache.org/documentation/#recordbatch
 */
const HEADER_BYTES = 61
/** Base offset and length, which every format starts with. */
const PREFIX_BYTES = 12
const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const CONTROL = 0x20

interface SliceLimits {
  readonly records: number
  /** Bytes of values, counted until the slice is that long; one record may exceed it. */
  readonly bytes: number
}

/** Some records in offset order, and the position after them. */
export interface Slice {
  readonly records: readonly LogRecord[]
  readonly next: number
}

export interface ReadOptions {
  readonly inflate: Inflate
  /** Bytes one batch may inflate to. */
  readonly inflateLimit: number
  readonly limits: SliceLimits
  /** A batch that could not be read: where, how many records, and why. They come all the same, without values. */
  onUnreadable?(firstOffset: number, records: number, error: Error): void
}

/** Hands out the records of one batch in order. */
interface Source {
  /** Appends to `into` until a limit is reached; true when nothing is left. */
  fill(into: Filling): boolean
}

/**
 * Reads the records of a fetch response from `position` on, slice by slice: the caller decides when to go on. A batch that
 * cannot be read becomes as many null records as its header counts, at their own offsets, so that nothing is lost silently
 * and the position moves past it. What the response cut off at its end is left for the next fetch.
 */
export async function* readRecordSet(
  bytes: Buffer,
  position: number,
  options: ReadOptions,
): AsyncGenerator<Slice> {
  const filling = new Filling(position, options.limits)
  let at = 0
  while (at + HEADER_BYTES <= bytes.length) {
    const end = at + PREFIX_BYTES + bytes.readInt32BE(at + 8)
    if (end > bytes.length || end < at + PREFIX_BYTES) break
    const header = readHeader(bytes, at)
    if (header.last >= filling.next) {
      const source = header.control ? null : await open(bytes, at, end, header, options)
      while (source && !source.fill(filling)) yield filling.take()
      filling.next = header.last + 1
      if (filling.full) yield filling.take()
    }
    at = end
  }
  if (filling.pending) yield filling.take()
}

interface Header {
  readonly format: number
  readonly base: number
  readonly last: number
  readonly count: number
  readonly codec: number
  readonly control: boolean
  readonly firstTimestamp: number
  /** Of all records when the topic has LogAppendTime, else null. */
  readonly appendTime: number | null
}

function readHeader(bytes: Buffer, at: number): Header {
  const format = bytes[at + 16]!
  const base = readInt64(bytes, at)
  if (format !== 2) {
    // Formats 0 and 1, gone since Kafka 4: one message or one compressed set, whose offset is its last.
    return {
      format,
      base,
      last: base,
      count: 1,
      codec: 0,
      control: false,
      firstTimestamp: 0,
      appendTime: null,
    }
  }
  const attributes = bytes.readInt16BE(at + 21)
  const last = base + bytes.readInt32BE(at + 23)
  return {
    format,
    base,
    last,
    // The brokers check the count against the records. After compaction it is lower than the offsets suggest.
    count: Math.max(0, Math.min(bytes.readInt32BE(at + 57), last - base + 1)),
    codec: attributes & CODEC_MASK,
    control: (attributes & CONTROL) !== 0,
    firstTimestamp: readInt64(bytes, at + 27),
    appendTime: (attributes & LOG_APPEND_TIME) !== 0 ? readInt64(bytes, at + 35) : null,
  }
}

async function open(
  bytes: Buffer,
  at: number,
  end: number,
  header: Header,
  options: ReadOptions,
): Promise<Source> {
  const report = (first: number, records: number, error: Error) =>
    options.onUnreadable?.(first, records, error)
  if (header.format !== 2) {
    report(header.base, 1, new Error(`a message has the old format ${header.format}, which is not read here`))
    return new Unreadable(header, 0, 'corrupt')
  }
  const start = at + HEADER_BYTES
  if (header.codec === 0) return new Records(bytes, start, end, header, report)
  try {
    const body = await options.inflate(header.codec, bytes.subarray(start, end), options.inflateLimit)
    return new Records(body, 0, body.length, header, report)
  } catch (error) {
    report(header.base, header.count, error as Error)
    return new Unreadable(header, 0, 'codec')
  }
}

class Filling {
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

  get full(): boolean {
    return this.#records.length >= this.#limits.records || this.#bytes >= this.#limits.bytes
  }

  get pending(): boolean {
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
class Unreadable implements Source {
  constructor(
    readonly header: Header,
    private done: number,
    readonly reason: string,
  ) {}

  fill(into: Filling): boolean {
    const { base, count, firstTimestamp, appendTime } = this.header
    while (this.done < count) {
      if (into.full) return false
      const offset = base + this.done++
      if (offset < into.next) continue
      const timestamp = appendTime ?? firstTimestamp
      into.add({ offset, timestamp, key: null, value: null, unreadable: this.reason })
    }
    return true
  }
}

/**
 * The records of one readable batch:
 *   length varint · attributes i8 · timestamp delta varlong · offset delta varint · key · value · headers
 * Headers are skipped.
 */
class Records implements Source {
  #at: number
  #left: number
  #rest: Source | null = null

  constructor(
    readonly bytes: Buffer,
    at: number,
    readonly end: number,
    readonly header: Header,
    readonly report: (firstOffset: number, records: number, error: Error) => void,
  ) {
    this.#at = at
    this.#left = header.count
  }

  fill(into: Filling): boolean {
    if (this.#rest) return this.#rest.fill(into)
    while (this.#left > 0) {
      if (into.full) return false
      const record = this.#read()
      if (record === null) {
        const done = this.header.count - this.#left
        this.report(this.header.base + done, this.#left, new Error('a record is longer than its batch'))
        this.#rest = new Unreadable(this.header, done, 'corrupt')
        return this.#rest.fill(into)
      }
      this.#left--
      if (record.offset >= into.next) into.add(record)
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
    const timestampDelta = readVarint(bytes)
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
      timestamp: header.appendTime ?? header.firstTimestamp + timestampDelta,
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

/** Offsets and milliseconds fit a double for 285,000 years. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4)
}
