import type { Inflate } from '../codecs.js'
import {
  type BatchReader,
  type Header,
  ReadableBatch,
  type Slice,
  SliceBuilder,
  type SliceLimits,
  UnreadableBatch,
} from './records.js'

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
/** One producer's clock that is fast makes everybody else on its partition look late. */
const CREATE_TIME =
  'a batch has the time of its producer (CreateTime): set message.timestamp.type=LogAppendTime on the topic'

export interface ReadOptions {
  readonly inflate: Inflate
  /** Bytes one batch may inflate to. */
  readonly inflateLimit: number
  readonly limits: SliceLimits
  /** A batch that could not be read: where, how many records, and why. They come all the same, without values. */
  onUnreadable?(firstOffset: number, records: number, error: Error): void
}

/**
 * Reads the records of a fetch response from `position` on, slice by slice: the caller decides when to go on. A batch that
 * cannot be read, or has the time of its producer, becomes as many null records as its header counts, at their own offsets, so that nothing is lost silently
 * and the position moves past it. What the response cut off at its end is left for the next fetch.
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
      // Nearly every batch is one plain record: it shall not cost a turn of the microtasks.
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
    // Formats 0 and 1, gone since Kafka 4: one message or one compressed set, whose offset is its last.
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
    // The brokers check the count against the records. After compaction it is lower than the offsets suggest.
    count: Math.max(0, Math.min(bytes.readInt32BE(at + 57), last - base + 1)),
    codec: attributes & CODEC_MASK,
    control: (attributes & CONTROL) !== 0,
    appendTime: (attributes & LOG_APPEND_TIME) !== 0 ? readInt64(bytes, at + 35) : Number.NEGATIVE_INFINITY,
  }
}

function open(
  bytes: Buffer,
  at: number,
  end: number,
  header: Header,
  options: ReadOptions,
): BatchReader | Promise<BatchReader> {
  const report = (first: number, records: number, error: Error) =>
    options.onUnreadable?.(first, records, error)
  if (header.format !== 2) {
    report(header.base, 1, new Error(`a message has the old format ${header.format}, which is not read here`))
    return new UnreadableBatch(header, 0, 'corrupt')
  }
  if (header.appendTime === Number.NEGATIVE_INFINITY) {
    report(header.base, header.count, new Error(CREATE_TIME))
    return new UnreadableBatch(header, 0, 'timestamp')
  }
  const start = at + HEADER_BYTES
  if (header.codec === 0) return new ReadableBatch(bytes, start, end, header, report)
  return options.inflate(header.codec, bytes.subarray(start, end), options.inflateLimit).then(
    body => new ReadableBatch(body, 0, body.length, header, report),
    error => {
      report(header.base, header.count, error as Error)
      return new UnreadableBatch(header, 0, 'codec')
    },
  )
}

/** Offsets and milliseconds fit a double for 285,000 years. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4)
}
