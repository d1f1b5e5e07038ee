import type { KafkaError } from '../errors.js'
import { errorOf, type Link } from './link.js'

/** Special timestamps of the ListOffsets request. */
export const EARLIEST = -2
export const LATEST = -1

/**
 * The first offset at or after a timestamp (Unix ms), or the log's ends by `EARLIEST` and `LATEST`, of partitions that the
 * link's broker leads. −1: nothing at or after. A partition's own error stands in its place.
 *
 * @throws KafkaError when the request as a whole fails
 */
export async function listOffsets(
  link: Link,
  topic: string,
  timestamps: ReadonlyMap<number, number>,
  timeout: number,
): Promise<Map<number, number | KafkaError>> {
  const context = { topic, broker: link.address }
  const response = await link.call<{
    responses: { partitions: { partition: number; errorCode: number; offset: string }[] }[]
  }>(
    'ListOffsets',
    {
      isolationLevel: 0,
      topics: [
        { topic, partitions: [...timestamps].map(([partition, timestamp]) => ({ partition, timestamp })) },
      ],
    },
    { timeout, raw: true, context },
  )
  const offsets = new Map<number, number | KafkaError>()
  for (const { partition, errorCode, offset } of response.responses.flatMap(r => r.partitions)) {
    offsets.set(partition, errorOf(errorCode, context) ?? Number(offset))
  }
  return offsets
}
