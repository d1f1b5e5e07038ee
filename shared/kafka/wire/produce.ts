import { crc32c, type Encoded } from './internals.js'
import type { Link } from './link.js'

export interface ProduceRequest {
  readonly topic: string
  readonly partition: number
  readonly key: Buffer
  /** One record each, in one batch. */
  readonly values: readonly Buffer[]
  /** Unix ms; the broker replaces it on a LogAppendTime topic. */
  readonly timestamp: number
}

/** What a record and a batch add to the bytes of key and value, at most. */
export const RECORD_OVERHEAD = 24
export const BATCH_OVERHEAD = 61

/** Writes one batch to one partition, acknowledged by all in-sync replicas. @throws KafkaError */
export async function produce(link: Link, request: ProduceRequest, timeout: number): Promise<void> {
  await link.call(
    'Produce',
    { acks: -1, timeout, topicData: [] },
    {
      timeout,
      encode: () => encodeProduce(request, timeout),
      context: { topic: request.topic },
    },
  )
}

/** Produce request, versions 3 to 7. */
function encodeProduce(request: ProduceRequest, timeout: number): Encoded {
  const topic = Buffer.from(request.topic)
  const batch = encodeBatch(request)
  const head = Buffer.allocUnsafe(26 + topic.length)
  let at = head.writeInt16BE(-1, 0) // no transaction
  at = head.writeInt16BE(-1, at) // acks: all
  at = head.writeInt32BE(timeout, at)
  at = head.writeInt32BE(1, at)
  at = head.writeInt16BE(topic.length, at)
  at += topic.copy(head, at)
  at = head.writeInt32BE(1, at)
  at = head.writeInt32BE(request.partition, at)
  head.writeInt32BE(batch.length, at)
  const buffer = Buffer.concat([head, batch])
  return { buf: buffer, buffer }
}

/** A record batch, format 2, uncompressed; see `record-set.ts` for the layout. */
export function encodeBatch({ key, values, timestamp }: Omit<ProduceRequest, 'topic' | 'partition'>): Buffer {
  const size = values.reduce(
    (sum, value) => sum + RECORD_OVERHEAD + key.length + value.length,
    BATCH_OVERHEAD,
  )
  const batch = Buffer.allocUnsafe(size)
  let at = BATCH_OVERHEAD
  values.forEach((value, delta) => {
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
  batch.writeInt32BE(-1, 12) // leader epoch, the broker's
  batch[16] = 2
  batch.writeInt16BE(0, 21)
  batch.writeInt32BE(values.length - 1, 23)
  batch.writeBigInt64BE(BigInt(timestamp), 27)
  batch.writeBigInt64BE(BigInt(timestamp), 35)
  batch.writeBigInt64BE(-1n, 43) // not idempotent
  batch.writeInt16BE(-1, 51)
  batch.writeInt32BE(-1, 53)
  batch.writeInt32BE(values.length, 57)
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
