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
 * Commits positions for the group. The coordinator refuses them all when the membership is not of its current generation.
 *
 * @throws KafkaError, `ILLEGAL_GENERATION`, `UNKNOWN_MEMBER_ID` and `REBALANCE_IN_PROGRESS` among them; some partitions may
 * have been committed all the same
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

/** What the group has committed of these partitions; those of which nothing is committed are left out. @throws KafkaError */
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
  for (const { partition, errorCode, offset, metadata } of response.responses.flatMap(r => r.partitions)) {
    const error = errorOf(errorCode, context)
    if (error) throw error
    const value = Number(offset)
    if (!Number.isSafeInteger(value)) {
      throw new KafkaError('UNKNOWN', `the offset ${offset} that group ${group} has committed is not one`)
    }
    if (value >= 0) offsets.set(partition, { offset: value, metadata: metadata ?? '' })
  }
  return offsets
}
