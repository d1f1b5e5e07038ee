import { explain, KafkaError } from '../errors.js'
import type { Link } from '../wire/link.js'
import { type ProducedRecord, produce, RECORD_OVERHEAD } from '../wire/produce.js'

/** One record, and the entry that it belongs to. */
export interface OutgoingRecord extends ProducedRecord {
  readonly entry: number
  /** Of its entry: when it is written the entry is. */
  readonly last: boolean
  readonly partition: number
}

export interface WriteOptions {
  readonly topic: string
  /** Of one request, unless a single record is larger. */
  readonly maxBytes: number
  /** Monotonic ms after which nothing more is sent. */
  readonly deadline: number
  linkOf(partition: number): Link
  complete(entry: number, partition: number, error: KafkaError | null): void
  /** A partition took a batch. */
  onWritten(partition: number): void
}

/**
 * Writes records in order, as many in a request as fit, one request after the other on one connection. Once a partition has
 * failed, no later record of it is written: those of an entry are acknowledged all or not at all.
 */
export async function writeRecords(records: readonly OutgoingRecord[], options: WriteOptions): Promise<void> {
  const failed = new Map<number, KafkaError>()
  for (let from = 0; from < records.length; ) {
    const to = endOfRequest(records, from, options.maxBytes)
    const outgoing = records.slice(from, to)
    const partitions = await writeRequest(outgoing, failed, options)
    for (const partition of partitions.keys()) if (!failed.has(partition)) options.onWritten(partition)
    for (const { entry, last, partition } of outgoing) {
      const error = failed.get(partition)
      if (error || last) options.complete(entry, partition, error ?? null)
    }
    from = to
  }
}

/** @returns the partitions that were written to or failed just now; the failed ones are in `failed` */
async function writeRequest(
  outgoing: readonly OutgoingRecord[],
  failed: Map<number, KafkaError>,
  { topic, deadline, linkOf }: WriteOptions,
): Promise<ReadonlyMap<number, ProducedRecord[]>> {
  const partitions = new Map<number, ProducedRecord[]>()
  for (const record of outgoing) {
    if (failed.has(record.partition)) continue
    const records = partitions.get(record.partition)
    if (records) records.push(record)
    else partitions.set(record.partition, [record])
  }
  if (partitions.size === 0) return partitions
  try {
    const left = deadline - performance.now()
    // The caller has been told, or is about to be, that it failed: what has been written is part of an entry at most.
    if (left <= 0) throw new KafkaError('TIMEOUT', 'Kafka did not take all of the snapshot in time')
    const [first] = partitions.keys()
    const link = linkOf(first)
    const request = { topic, partitions, timestamp: Date.now() }
    const errors = await produce(link, request, Math.ceil(left))
    for (const [partition, error] of errors)
      failed.set(partition, explain(error, { topic, broker: link.address }))
  } catch (error) {
    for (const partition of partitions.keys()) failed.set(partition, explain(error, { topic }))
  }
  return partitions
}

function endOfRequest(records: readonly OutgoingRecord[], from: number, maxBytes: number): number {
  let bytes = 0
  let to = from
  for (; to < records.length; to++) {
    bytes += RECORD_OVERHEAD + records[to].key.length + records[to].value.length
    if (bytes > maxBytes && to > from) break
  }
  return to
}
