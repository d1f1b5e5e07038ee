import type { KafkaError } from '../errors.js'
import { errorOf, type Link } from './link.js'

/** Special timestamps of the ListOffsets request. */
export const EARLIEST = -2
export const LATEST = -1

/**
 * First offsets at or after a timestamp (Unix ms), or the ends of the log with `EARLIEST` and
 * `LATEST`, of partitions that the broker of the link leads. −1: no such record. A partition that
 * fails has its error instead.
 *
 * @throws KafkaError if the request as a whole fails
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
        {
          topic,
          partitions: [...timestamps].map(([partition, timestamp]) => ({ partition, timestamp })),
        },
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
