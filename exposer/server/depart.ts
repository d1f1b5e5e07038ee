import { setTimeout as delay } from 'node:timers/promises'
import { KafkaError } from '../../shared/kafka/errors.js'
import type { GroupConsumer } from '../../shared/kafka/types.js'
import type { Services } from '../routes/services.js'

/** Time for the next owners to be known and to fetch what is handed over. */
const HANDOVER_MS = 8000
/**
 * Time for all of that since the beginning. The group may need longer, as when one of its shards is
 * suspended; the grace period of the program is 15 s.
 */
const DEPART_MS = 10_000
/** Time for requests from shards and load balancers that do not know the new owner yet. */
const LINGER_MS = 1000
const POLL_MS = 20
/** Interval between checks whether there is still another shard to hand over to. */
const CHECK_MS = 500
/** Timeout of the request to the coordinator for the remaining members. */
const DESCRIBE_TIMEOUT_MS = 2000

/**
 * Leaves the group without failed scrapes: serves its partitions until they are handed over, leaves
 * the group, and redirects requests that still arrive to the new owners. It does not wait for shards
 * that have left as well, as when all are stopped at once.
 */
export async function depart(
  { ownership, group, changes, handovers, clock }: Departing,
  consumer: Pick<GroupConsumer, 'leave' | 'describeGroup'>,
): Promise<void> {
  const joined = ownership.partitionCount !== undefined
  const begun = clock.now().mono
  await consumer.leave()
  if (!joined) return
  group.forget()
  changes.notify()
  if ((await otherMembers(consumer)) !== 'some') return
  const left = clock.now().mono
  const deadline = Math.min(left + HANDOVER_MS, begun + DEPART_MS)
  const isHandedOver = () => group.map() !== undefined && handovers.pending === 0
  let checkAt = left + CHECK_MS
  while (!isHandedOver()) {
    if (clock.now().mono >= deadline) return
    await delay(POLL_MS)
    if (clock.now().mono < checkAt) continue
    if ((await otherMembers(consumer)) === 'none') return
    checkAt = clock.now().mono + CHECK_MS
  }
  await delay(LINGER_MS)
}

interface Departing {
  readonly ownership: Pick<Services['ownership'], 'partitionCount'>
  readonly group: Pick<Services['group'], 'forget' | 'map'>
  readonly changes: Pick<Services['changes'], 'notify'>
  readonly handovers: Pick<Services['handovers'], 'pending'>
  readonly clock: Services['clock']
}

/** Whether the group has other members; `unknown` if the coordinator does not answer. */
async function otherMembers(
  consumer: Pick<GroupConsumer, 'describeGroup'>,
): Promise<'some' | 'none' | 'unknown'> {
  try {
    const timeout = delay(DESCRIBE_TIMEOUT_MS, undefined, { ref: false })
    const group = await Promise.race([consumer.describeGroup(), timeout])
    if (!group) return 'unknown'
    return group.members.length > 0 ? 'some' : 'none'
  } catch (error) {
    // During a rebalance the description may be undecodable although there are members.
    return error instanceof KafkaError ? 'unknown' : 'some'
  }
}
