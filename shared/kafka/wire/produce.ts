import { crc32c } from '../../base/crc32c.js'
import { runInSlices, runNow, type Steps } from '../../base/steps.js'
import { createErrorFromCode, type Encoded } from './internals.js'
import type { Link } from './link.js'

export interface ProducedRecord {
  readonly key: Buffer
  readonly value: Buffer
}

export interface ProduceRequest {
  readonly topic: string
  /** The records of each partition, in order: one batch per partition. */
  readonly partitions: ReadonlyMap<number, readonly ProducedRecord[]>
  /** Unix ms; the broker replaces it if the topic has LogAppendTime. */
  readonly timestamp: number
}

/** Where the brokers have stored a batch. */
export interface WrittenBatch {
  /** Of its first record. */
  readonly offset: number
  /** Append time of all its records, Unix ms; −1 if the topic has CreateTime. */
  readonly appendTime: number
}

/** Maximum overhead of a record, in bytes beyond key and value. */
export const RECORD_OVERHEAD = 24
const BATCH_OVERHEAD = 61
/**
 * Share of the timeout that the broker may wait for its replicas. It is below 1 so that the
 * response arrives before the connection is closed: other partitions and later requests need it.
 */
const REPLICAS_SHARE = 0.8

interface ProduceResponse {
  readonly topics: readonly {
    readonly partitions: readonly {
      readonly partition: number
      readonly errorCode: number
      /** Decimal. */
      readonly baseOffset: string
      /** Unix ms, decimal; −1 if the topic has CreateTime. */
      readonly logAppendTime: string
    }[]
  }[]
}

/**
 * Writes one batch to each partition in one request, acknowledged by all in-sync replicas.
 *
 * @param timeout ms
 * @returns for each partition where its batch is, or its error, as created by kafkajs
 * @throws KafkaError if the request as a whole failed: each batch may have been written or not
 */
export async function produce(
  link: Link,
  request: ProduceRequest,
  timeout: number,
): Promise<ReadonlyMap<number, WrittenBatch | Error>> {
  const replicas = Math.ceil(timeout * REPLICAS_SHARE)
  const encoded = await runInSlices(encodeProduce(request, replicas))
  const { topics } = await link.call<ProduceResponse>(
    'Produce',
    { acks: -1, timeout: replicas, topicData: [] },
    {
      timeout,
      encode: () => encoded,
      raw: true,
      context: { topic: request.topic },
    },
  )
  const outcomes = new Map<number, WrittenBatch | Error>()
  for (const { partition, errorCode, baseOffset, logAppendTime } of topics.flatMap(
    topic => topic.partitions,
  )) {
    const written = { offset: Number(baseOffset), appendTime: Number(logAppendTime) }
    outcomes.set(partition, errorCode === 0 ? written : createErrorFromCode(errorCode))
  }
  return outcomes
}

/** Bytes of a step: copied, or part of a checksum. */
const STEP_BYTES = 256 * 1024

/** Produce request, versions 3 to 7. */
function* encodeProduce(
  { topic: name, partitions, timestamp }: ProduceRequest,
  timeout: number,
): Steps<Encoded> {
  const topic = Buffer.from(name)
  let size = 18 + topic.length
  for (const records of partitions.values()) size += 8 + maxBatchSize(records)
  const bytes = Buffer.allocUnsafe(size)
  let at = bytes.writeInt16BE(-1, 0) // no transaction
  at = bytes.writeInt16BE(-1, at) // acks: all
  at = bytes.writeInt32BE(timeout, at)
  at = bytes.writeInt32BE(1, at)
  at = bytes.writeInt16BE(topic.length, at)
  at += topic.copy(bytes, at)
  at = bytes.writeInt32BE(partitions.size, at)
  for (const [partition, records] of partitions) {
    const end = yield* writeBatch(bytes, at + 8, records, timestamp)
    bytes.writeInt32BE(partition, at)
    bytes.writeInt32BE(end - at - 8, at + 4)
    at = end
  }
  const buffer = bytes.subarray(0, at)
  return { buf: buffer, buffer }
}

/** A record batch, format 2, uncompressed; see `record-set.ts` for the layout. */
export function encodeBatch(records: readonly ProducedRecord[], timestamp: number): Buffer {
  const bytes = Buffer.allocUnsafe(maxBatchSize(records))
  return bytes.subarray(0, runNow(writeBatch(bytes, 0, records, timestamp)))
}

function maxBatchSize(records: readonly ProducedRecord[]): number {
  return records.reduce(
    (sum, { key, value }) => sum + RECORD_OVERHEAD + key.length + value.length,
    BATCH_OVERHEAD,
  )
}

/** @returns the end of the batch */
function* writeBatch(
  bytes: Buffer,
  start: number,
  records: readonly ProducedRecord[],
  timestamp: number,
): Steps<number> {
  let at = start + BATCH_OVERHEAD
  let step = at
  for (let delta = 0; delta < records.length; delta++) {
    const { key, value } = records[delta]
    const length =
      2 +
      varintSize(delta) +
      varintSize(key.length) +
      key.length +
      varintSize(value.length) +
      value.length +
      1
    at = writeVarint(bytes, length, at)
    bytes[at++] = 0 // attributes
    bytes[at++] = 0 // timestamp delta
    at = writeVarint(bytes, delta, at)
    at = writeVarint(bytes, key.length, at)
    at += key.copy(bytes, at)
    at = writeVarint(bytes, value.length, at)
    for (let from = 0; from < value.length; from += STEP_BYTES) {
      at += value.copy(bytes, at, from, from + STEP_BYTES)
      if (at - step >= STEP_BYTES) {
        step = at
        yield
      }
    }
    bytes[at++] = 0 // headers
  }
  bytes.writeBigInt64BE(0n, start)
  bytes.writeInt32BE(at - start - 12, start + 8)
  bytes.writeInt32BE(-1, start + 12) // leader epoch, set by the broker
  bytes[start + 16] = 2
  bytes.writeInt16BE(0, start + 21)
  bytes.writeInt32BE(records.length - 1, start + 23)
  bytes.writeBigInt64BE(BigInt(timestamp), start + 27)
  bytes.writeBigInt64BE(BigInt(timestamp), start + 35)
  bytes.writeBigInt64BE(-1n, start + 43) // not idempotent
  bytes.writeInt16BE(-1, start + 51)
  bytes.writeInt32BE(-1, start + 53)
  bytes.writeInt32BE(records.length, start + 57)
  let crc = 0
  for (let from = start + 21; from < at; from += STEP_BYTES) {
    const to = Math.min(at, from + STEP_BYTES)
    crc = crc32c(bytes, from, to, crc)
    if (to < at) yield
  }
  bytes.writeUInt32BE(crc, start + 17)
  return at
}

function varintSize(value: number): number {
  let size = 1
  for (let rest = value * 2; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}

function writeVarint(bytes: Buffer, value: number, at: number): number {
  let rest = value * 2
  while (rest >= 128) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest = Math.floor(rest / 128)
  }
  bytes[at++] = rest
  return at
}
