import { nextTurn } from '../../base/scheduling.js'
import { explain } from '../errors.js'
import type { LogRecord } from '../types.js'
import { fetchRecords } from '../wire/fetch.js'
import { errorOf, type Link } from '../wire/link.js'
import { readRecordSet } from '../wire/record-set.js'

export interface ReadBackRequest {
  readonly topic: string
  readonly topicId: string | null
  readonly partition: number
  /** Offset of the first record. */
  readonly offset: number
  /** Records with other keys are left out. */
  readonly key: Buffer
  /** Maximum bytes of the response, unless a single batch exceeds it. */
  readonly maxBytes: number
  /** ms */
  readonly timeout: number
}

const SLICE = { records: 64, bytes: 64 * 1024 }

/**
 * Reads the records of one key from an offset on, with a single request that does not wait for new
 * records. Compressed batches are skipped.
 *
 * @throws KafkaError, also if this user is not authorized to read the topic
 */
export async function readBack(link: Link, request: ReadBackRequest): Promise<LogRecord[]> {
  const { topic, topicId, partition, offset, key, maxBytes, timeout } = request
  try {
    const [fetched] = await fetchRecords(
      link,
      {
        topic,
        topicId,
        partitions: [{ partition, offset }],
        maxWait: 0,
        maxBytes,
        maxBytesPerPartition: maxBytes,
      },
      timeout,
    )
    const error = fetched && errorOf(fetched.errorCode, { topic })
    if (error) throw error
    const found: LogRecord[] = []
    const slices = readRecordSet(fetched?.records ?? Buffer.alloc(0), offset, {
      inflate: () => Promise.reject(new Error('compressed')),
      inflateLimit: 0,
      limits: SLICE,
    })
    for await (const { records } of slices) {
      found.push(...records.filter(record => record.key?.equals(key)))
      await nextTurn()
    }
    return found
  } catch (error) {
    throw explain(error, { topic })
  }
}
