import { explain, KafkaError } from '../errors.js'
import type { Link } from '../wire/link.js'
import { type ProducedRecord, produce, RECORD_OVERHEAD } from '../wire/produce.js'

/** A record and the index of its entry. */
export interface OutgoingRecord extends ProducedRecord {
  readonly entry: number
  /** Whether it is the last record of its entry. */
  readonly last: boolean
  readonly partition: number
}

export interface WriteOptions {
  readonly topic: string
  /** Maximum bytes of a request; a single larger record is sent alone. */
  readonly maxBytes: number
  /** Monotonic ms after which no request is sent. */
  readonly deadline: number
  linkOf(partition: number): Link
  complete(entry: number, partition: number, error: KafkaError | null): void
  /**
   * Called when a batch was written to the partition.
   *
   * @param last offset of its last record; NaN if the broker did not tell
   */
  onWritten(partition: number, last: number): void
  /** Called with the append time of each batch, Unix ms. */
  onAppended?(time: number): void
}

const UNKNOWN_OFFSET = Number.NaN

/**
 * Writes records in order on one connection, one request after the other, with as many records per
 * request as fit. After a partition has failed, none of its later records is written: the records
 * of an entry are acknowledged all or not at all.
 */
export async function writeRecords(
  records: readonly OutgoingRecord[],
  options: WriteOptions,
): Promise<void> {
  const failed = new Map<number, KafkaError>()
  for (let from = 0; from < records.length; ) {
    const to = endOfRequest(records, from, options.maxBytes)
    const outgoing = records.slice(from, to)
    const written = await writeRequest(outgoing, failed, options)
    for (const [partition, last] of written) options.onWritten(partition, last)
    for (const { entry, last, partition } of outgoing) {
      const error = failed.get(partition)
      if (error || last) options.complete(entry, partition, error ?? null)
    }
    from = to
  }
}

/**
 * Failed partitions are added to `failed`.
 *
 * @returns the offset of the last record of each written batch, by partition
 */
async function writeRequest(
  outgoing: readonly OutgoingRecord[],
  failed: Map<number, KafkaError>,
  { topic, deadline, linkOf, onAppended }: WriteOptions,
): Promise<ReadonlyMap<number, number>> {
  const written = new Map<number, number>()
  const partitions = new Map<number, ProducedRecord[]>()
  for (const record of outgoing) {
    if (failed.has(record.partition)) continue
    const records = partitions.get(record.partition)
    if (records) records.push(record)
    else partitions.set(record.partition, [record])
  }
  if (partitions.size === 0) return written
  try {
    const left = deadline - performance.now()
    // The call has failed or is about to. Written records are only a part of their entry.
    if (left <= 0)
      throw new KafkaError('TIMEOUT', 'Kafka did not acknowledge all parts of the snapshot in time')
    const [first] = partitions.keys()
    const link = linkOf(first)
    const request = { topic, partitions, timestamp: Date.now() }
    const outcomes = await produce(link, request, Math.ceil(left))
    for (const [partition, { length }] of partitions) {
      const outcome = outcomes.get(partition)
      if (outcome instanceof Error)
        failed.set(partition, explain(outcome, { topic, broker: link.address }))
      else {
        written.set(partition, outcome ? outcome.offset + length - 1 : UNKNOWN_OFFSET)
        if (outcome) onAppended?.(outcome.appendTime)
      }
    }
  } catch (error) {
    for (const partition of partitions.keys()) failed.set(partition, explain(error, { topic }))
  }
  return written
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
