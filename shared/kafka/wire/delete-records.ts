import { errorOf, type Link } from './link.js'

/**
 * Deletes the records of a partition below an offset. The broker of the link must lead it. Offsets
 * below the beginning of the log have no effect.
 *
 * @param timeout ms; it includes the time until the replicas have done the same
 * @throws KafkaError
 */
export async function deleteRecords(
  link: Link,
  { topic, partition, below }: { topic: string; partition: number; below: number },
  timeout: number,
): Promise<void> {
  const context = { topic, broker: link.address }
  const response = await link.call<{
    topics: { partitions: { errorCode: number }[] }[]
  }>(
    'DeleteRecords',
    { timeout, topics: [{ topic, partitions: [{ partition, offset: String(below) }] }] },
    { timeout, raw: true, context },
  )
  for (const { errorCode } of response.topics.flatMap(found => found.partitions)) {
    const error = errorOf(errorCode, context)
    if (error && error.type !== 'OFFSET_OUT_OF_RANGE') throw error
  }
}
