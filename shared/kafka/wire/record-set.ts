import type { Inflate } from '../codecs.js'
import {
  type BatchReader,
  type Header,
  ReadableBatch,
  type Slice,
  SliceBuilder,
  type SliceLimits,
  UnreadableBatch,
  type UnreadableReport,
} from './records.js'

/*
 * Record batches, format 2 (Kafka 0.11 and newer):
 *   0 base offset i64 · 8 length i32 · 12 leader epoch i32 · 16 magic i8 · 17 CRC u32 ·
 *   21 attributes i16 · 23 last offset delta i32 · 27 first timestamp i64 · 35 max timestamp i64 ·
 *   43 producer id i64 · 51 producer epoch i16 · 53 base sequence i32 · 57 record count i32 ·
 *   61 records
 * https://kafka.apache.org/documentation/#recordbatch
 */
const HEADER_BYTES = 61
/** Base offset and length, common to all formats. */
const PREFIX_BYTES = 12
const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const CONTROL = 0x20
/** A producer's clock that is ahead would make all other targets of its partition look stale. */
const CREATE_TIME =
  'a batch has the timestamps of its producer (CreateTime): set message.timestamp.type=LogAppendTime on the topic'

export interface ReadOptions {
  readonly inflate: Inflate
  /** Maximum size of a decompressed batch, bytes. */
  readonly inflateLimit: number
  readonly limits: SliceLimits
  /**
   * Called for an unreadable batch, with its first offset, its number of records and the error. Its
   * records are returned without values.
   */
  readonly onUnreadable?: UnreadableReport
}

/**
 * Reads the records of a fetch response from `position` on, in slices. A batch that is unreadable
 * or has the time of its producer yields as many null records as its header counts, at their
 * offsets: they are counted, and the position moves past them. A batch that the response truncates
 * is left for the next fetch.
 */
export async function* readRecordSet(
  bytes: Buffer,
  position: number,
  options: ReadOptions,
): AsyncGenerator<Slice> {
  const builder = new SliceBuilder(position, options.limits)
  let at = 0
  while (at + HEADER_BYTES <= bytes.length) {
    const end = at + PREFIX_BYTES + bytes.readInt32BE(at + 8)
    if (end > bytes.length || end < at + PREFIX_BYTES) break
    const header = readHeader(bytes, at)
    if (header.last >= builder.next) {
      const batch = header.control ? null : open(bytes, at, end, header, options)
      // Most batches are one uncompressed record: avoid a microtask for them.
      const reader = batch instanceof Promise ? await batch : batch
      while (reader && !reader.fill(builder)) yield builder.take()
      builder.next = header.last + 1
      if (builder.isFull) yield builder.take()
    }
    at = end
  }
  if (builder.hasPending) yield builder.take()
}

function readHeader(bytes: Buffer, at: number): Header {
  const format = bytes[at + 16]!
  const base = readInt64(bytes, at)
  if (format !== 2) {
    // Formats 0 and 1, removed in Kafka 4: one message or one compressed set. The offset is its
    // last.
    return {
      format,
      base,
      last: base,
      count: 1,
      codec: 0,
      control: false,
      appendTime: Number.NEGATIVE_INFINITY,
    }
  }
  const attributes = bytes.readInt16BE(at + 21)
  const last = base + bytes.readInt32BE(at + 23)
  return {
    format,
    base,
    last,
    // The broker validates the count. After compaction it is lower than the offsets suggest.
    count: Math.max(0, Math.min(bytes.readInt32BE(at + 57), last - base + 1)),
    codec: attributes & CODEC_MASK,
    control: (attributes & CONTROL) !== 0,
    appendTime:
      (attributes & LOG_APPEND_TIME) !== 0 ? readInt64(bytes, at + 35) : Number.NEGATIVE_INFINITY,
  }
}

function open(
  bytes: Buffer,
  at: number,
  end: number,
  header: Header,
  options: ReadOptions,
): BatchReader | Promise<BatchReader> {
  const report = options.onUnreadable
  if (header.format !== 2) {
    report?.(
      header.base,
      1,
      new Error(
        `a message has the unsupported format ${header.format}: use a producer for Kafka 0.11 or newer`,
      ),
    )
    return new UnreadableBatch(header, 0, 'corrupt')
  }
  if (header.appendTime === Number.NEGATIVE_INFINITY) {
    report?.(header.base, header.count, new Error(CREATE_TIME))
    return new UnreadableBatch(header, 0, 'timestamp')
  }
  const start = at + HEADER_BYTES
  if (header.codec === 0) return new ReadableBatch(bytes, start, end, header, report)
  return options.inflate(header.codec, bytes.subarray(start, end), options.inflateLimit).then(
    body => new ReadableBatch(body, 0, body.length, header, report),
    error => {
      report?.(header.base, header.count, error as Error)
      return new UnreadableBatch(header, 0, 'codec')
    },
  )
}

/** Offsets and milliseconds are exact in a double for 285,000 years. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4)
}
