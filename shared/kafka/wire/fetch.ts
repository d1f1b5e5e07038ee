import { FlexibleReader, FlexibleWriter } from './flexible.js'
import type { Encoded } from './internals.js'
import type { Link } from './link.js'
import { readInt64 } from './record-set.js'

interface FetchPartition {
  readonly partition: number
  readonly offset: number
}

export interface FetchRequest {
  readonly topic: string
  /**
   * Topic id of the metadata with which the positions were found; null if the brokers report none.
   */
  readonly topicId: string | null
  readonly partitions: readonly FetchPartition[]
  /** How long the broker may wait for new records, milliseconds. */
  readonly maxWait: number
  /** Maximum bytes of the response and of each partition; one batch may exceed both. */
  readonly maxBytes: number
  readonly maxBytesPerPartition: number
}

export interface FetchedPartition {
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  /** A slice of the response; see `readRecordSet`. */
  readonly records: Buffer
}

const VERSION = 11
/** The first version with topic ids. A broker refuses an id if the topic has been created again. */
const VERSION_WITH_IDS = 13
/**
 * Read uncommitted records too: an open transaction of another producer must not block all metrics,
 * and ours have none. The high watermark is then the end of the readable log.
 */
const READ_UNCOMMITTED = 0

/** @throws KafkaError if the request fails as a whole; partitions have their own error codes */
export async function fetchRecords(
  link: Link,
  request: FetchRequest,
  timeout: number,
): Promise<FetchedPartition[]> {
  await link.connect()
  const { topic, topicId, maxWait } = request
  const byId = topicId !== null && link.speaks('Fetch', VERSION_WITH_IDS)
  return link.call<FetchedPartition[]>(
    'Fetch',
    {},
    {
      timeout: timeout + maxWait,
      version: byId ? VERSION_WITH_IDS : VERSION,
      encode: () => (byId ? encodeFetchById(request, topicId) : encodeFetch(request)),
      decode: byId ? decodeFetchById : decodeFetch,
      context: { topic },
    },
  )
}

/**
 * Fetch request, version 13, without a fetch session. The first byte ends the flexible request
 * header.
 */
function encodeFetchById(request: FetchRequest, topicId: string): Encoded {
  const { partitions, maxWait, maxBytes, maxBytesPerPartition } = request
  const writer = new FlexibleWriter()
    .tags()
    .int32(-1) // a consumer, not a replica
    .int32(maxWait)
    .int32(1) // minimum bytes
    .int32(maxBytes)
    .int8(READ_UNCOMMITTED)
    .int32(0) // session id
    .int32(-1) // session epoch
  writer.array([topicId], id =>
    writer
      .uuid(id)
      .array(partitions, ({ partition, offset }) =>
        writer
          .int32(partition)
          .int32(-1) // leader epoch unknown
          .int64(offset)
          .int32(-1) // epoch of the last record, for replicas
          .int64(-1) // log start, for replicas
          .int32(maxBytesPerPartition)
          .tags(),
      )
      .tags(),
  )
  writer.array([], () => {}) // forgotten topics
  writer.string('').tags() // rack
  return { buf: writer.written, buffer: writer.written }
}

/** Fetch response, version 13. `records` are slices. */
function decodeFetchById(payload: Buffer): FetchedPartition[] {
  const reader = new FlexibleReader(payload)
  reader.tags() // of the response header
  reader.skip(4 + 2 + 4) // throttle time, error and id of the session
  const topics = reader.array(() => {
    reader.uuid()
    const partitions = reader.array((): FetchedPartition => {
      const partition = reader.int32()
      const errorCode = reader.int16()
      const highWatermark = reader.int64()
      reader.skip(16) // last stable offset and log start
      reader.array(() => {
        reader.skip(16) // an aborted transaction
        reader.tags()
      })
      reader.int32() // preferred read replica
      const records = reader.bytes()
      reader.tags()
      return { partition, errorCode, highWatermark, records }
    })
    reader.tags()
    return partitions
  })
  return topics.flat()
}

/** Fetch request, version 11, without a fetch session. */
function encodeFetch(request: FetchRequest): Encoded {
  const topic = Buffer.from(request.topic)
  const buffer = Buffer.allocUnsafe(41 + topic.length + request.partitions.length * 28)
  let at = buffer.writeInt32BE(-1, 0) // a consumer, not a replica
  at = buffer.writeInt32BE(request.maxWait, at)
  at = buffer.writeInt32BE(1, at) // minimum bytes
  at = buffer.writeInt32BE(request.maxBytes, at)
  at = buffer.writeInt8(READ_UNCOMMITTED, at)
  at = buffer.writeInt32BE(0, at) // session id
  at = buffer.writeInt32BE(-1, at) // session epoch
  at = buffer.writeInt32BE(1, at)
  at = buffer.writeInt16BE(topic.length, at)
  at += topic.copy(buffer, at)
  at = buffer.writeInt32BE(request.partitions.length, at)
  for (const { partition, offset } of request.partitions) {
    at = buffer.writeInt32BE(partition, at)
    at = buffer.writeInt32BE(-1, at) // leader epoch unknown
    at = buffer.writeBigInt64BE(BigInt(offset), at)
    at = buffer.writeBigInt64BE(-1n, at) // log start, for replicas
    at = buffer.writeInt32BE(request.maxBytesPerPartition, at)
  }
  at = buffer.writeInt32BE(0, at) // forgotten topics
  at = buffer.writeInt16BE(0, at) // rack
  const encoded = buffer.subarray(0, at)
  return { buf: encoded, buffer: encoded }
}

/** Fetch response, version 11. `records` are slices. */
function decodeFetch(payload: Buffer): FetchedPartition[] {
  const fetched: FetchedPartition[] = []
  let at = 4 + 2 + 4 // throttle time, error and id of the session
  const topics = payload.readInt32BE(at)
  at += 4
  for (let t = 0; t < topics; t++) {
    at += 2 + payload.readInt16BE(at)
    const partitions = payload.readInt32BE(at)
    at += 4
    for (let p = 0; p < partitions; p++) {
      const partition = payload.readInt32BE(at)
      const errorCode = payload.readInt16BE(at + 4)
      const highWatermark = readInt64(payload, at + 6)
      at += 30 // also last stable offset and log start
      const aborted = payload.readInt32BE(at)
      at += 4 + Math.max(0, aborted) * 16
      at += 4 // preferred read replica
      const length = Math.max(0, payload.readInt32BE(at))
      at += 4
      fetched.push({
        partition,
        errorCode,
        highWatermark,
        records: payload.subarray(at, at + length),
      })
      at += length
    }
  }
  return fetched
}
