import { crc32c, createErrorFromCode, type Encoded } from './internals.js'
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
    }[]
  }[]
}

/**
 * Writes one batch to each partition in one request, acknowledged by all in-sync replicas.
 *
 * @param timeout ms
 * @returns for each partition the offset of its first record, or its error, as created by kafkajs
 * @throws KafkaError if the request as a whole failed: each batch may have been written or not
 */
export async function produce(
  link: Link,
  request: ProduceRequest,
  timeout: number,
): Promise<ReadonlyMap<number, number | Error>> {
  const replicas = Math.ceil(timeout * REPLICAS_SHARE)
  const { topics } = await link.call<ProduceResponse>(
    'Produce',
    { acks: -1, timeout: replicas, topicData: [] },
    {
      timeout,
      encode: () => encodeProduce(request, replicas),
      raw: true,
      context: { topic: request.topic },
    },
  )
  const outcomes = new Map<number, number | Error>()
  for (const { partition, errorCode, baseOffset } of topics.flatMap(topic => topic.partitions))
    outcomes.set(partition, errorCode === 0 ? Number(baseOffset) : createErrorFromCode(errorCode))
  return outcomes
}

/** Produce request, versions 3 to 7. */
function encodeProduce(
  { topic: name, partitions, timestamp }: ProduceRequest,
  timeout: number,
): Encoded {
  const topic = Buffer.from(name)
  const head = Buffer.allocUnsafe(18 + topic.length)
  let at = head.writeInt16BE(-1, 0) // no transaction
  at = head.writeInt16BE(-1, at) // acks: all
  at = head.writeInt32BE(timeout, at)
  at = head.writeInt32BE(1, at)
  at = head.writeInt16BE(topic.length, at)
  at += topic.copy(head, at)
  head.writeInt32BE(partitions.size, at)
  const pieces: Buffer[] = [head]
  for (const [partition, records] of partitions) {
    const batch = encodeBatch(records, timestamp)
    const before = Buffer.allocUnsafe(8)
    before.writeInt32BE(partition, 0)
    before.writeInt32BE(batch.length, 4)
    pieces.push(before, batch)
  }
  const buffer = Buffer.concat(pieces)
  return { buf: buffer, buffer }
}

/** A record batch, format 2, uncompressed; see `record-set.ts` for the layout. */
export function encodeBatch(records: readonly ProducedRecord[], timestamp: number): Buffer {
  const size = records.reduce(
    (sum, { key, value }) => sum + RECORD_OVERHEAD + key.length + value.length,
    BATCH_OVERHEAD,
  )
  const batch = Buffer.allocUnsafe(size)
  let at = BATCH_OVERHEAD
  records.forEach(({ key, value }, delta) => {
    const length =
      2 +
      varintSize(delta) +
      varintSize(key.length) +
      key.length +
      varintSize(value.length) +
      value.length +
      1
    at = writeVarint(batch, length, at)
    batch[at++] = 0 // attributes
    batch[at++] = 0 // timestamp delta
    at = writeVarint(batch, delta, at)
    at = writeVarint(batch, key.length, at)
    at += key.copy(batch, at)
    at = writeVarint(batch, value.length, at)
    at += value.copy(batch, at)
    batch[at++] = 0 // headers
  })
  batch.writeBigInt64BE(0n, 0)
  batch.writeInt32BE(at - 12, 8)
  batch.writeInt32BE(-1, 12) // leader epoch, set by the broker
  batch[16] = 2
  batch.writeInt16BE(0, 21)
  batch.writeInt32BE(records.length - 1, 23)
  batch.writeBigInt64BE(BigInt(timestamp), 27)
  batch.writeBigInt64BE(BigInt(timestamp), 35)
  batch.writeBigInt64BE(-1n, 43) // not idempotent
  batch.writeInt16BE(-1, 51)
  batch.writeInt32BE(-1, 53)
  batch.writeInt32BE(records.length, 57)
  const encoded = batch.subarray(0, at)
  batch.writeUInt32BE(crc32c(encoded.subarray(21)), 17)
  return encoded
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
