import { KafkaError } from '../errors.js'
import type { Committed } from '../start.js'
import { errorOf, type Link } from '../wire/link.js'
import type { Membership } from './coordinator.js'

interface OffsetResponse {
  readonly errorCode?: number
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly partition: number
      readonly errorCode: number
      readonly offset?: string
      readonly metadata?: string | null
    }[]
  }[]
}

/**
 * Commits offsets for the group. The coordinator refuses all of them if the membership is not part
 * of its current generation.
 *
 * @throws KafkaError, for example `ILLEGAL_GENERATION`, `UNKNOWN_MEMBER_ID` or
 * `REBALANCE_IN_PROGRESS`; the offsets of other partitions may have been committed
 */
export async function commitOffsets(
  link: Link,
  { group, memberId, generation }: Membership,
  topic: string,
  offsets: ReadonlyMap<number, Committed>,
  timeout: number,
): Promise<void> {
  const context = { group, topic, broker: link.address }
  const partitions = [...offsets].map(([partition, { offset, metadata }]) => ({
    partition,
    offset,
    metadata,
  }))
  const response = await link.call<OffsetResponse>(
    'OffsetCommit',
    { groupId: group, groupGenerationId: generation, memberId, topics: [{ topic, partitions }] },
    { timeout, raw: true, context },
  )
  for (const { errorCode } of response.responses.flatMap(({ partitions }) => partitions)) {
    const error = errorOf(errorCode, context)
    if (error) throw error
  }
}

/**
 * Committed offsets of these partitions. Partitions without a committed offset are missing.
 *
 * @throws KafkaError
 */
export async function fetchOffsets(
  link: Link,
  group: string,
  topic: string,
  partitions: readonly number[],
  timeout: number,
): Promise<Map<number, Committed>> {
  const context = { group, topic, broker: link.address }
  const topics = [{ topic, partitions: partitions.map(partition => ({ partition })) }]
  const response = await link.call<OffsetResponse>(
    'OffsetFetch',
    { groupId: group, topics },
    { timeout, raw: true, context },
  )
  const failure = errorOf(response.errorCode ?? 0, context)
  if (failure) throw failure
  const offsets = new Map<number, Committed>()
  for (const { partition, errorCode, offset, metadata } of response.responses.flatMap(
    r => r.partitions,
  )) {
    const error = errorOf(errorCode, context)
    if (error) throw error
    const value = Number(offset)
    if (!Number.isSafeInteger(value)) {
      throw new KafkaError(
        'UNKNOWN',
        `the committed offset ${offset} of consumer group ${group} is not a number`,
      )
    }
    if (value >= 0) offsets.set(partition, { offset: value, metadata: metadata ?? '' })
  }
  return offsets
}
