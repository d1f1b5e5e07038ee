import { setTimeout as delay } from 'node:timers/promises'
import { KafkaError } from '../../shared/kafka/errors.js'
import type { GroupConsumer } from '../../shared/kafka/types.js'
import type { Services } from '../routes/services.js'

/** Time for the group to assign the partitions to other shards. After it, held requests fail. */
const HANDOVER_MS = 8000
/** Time for requests from shards and load balancers that do not know the new owner yet. */
const LINGER_MS = 1000
const POLL_MS = 20
/** Timeout of the request to the coordinator for the remaining members. */
const DESCRIBE_TIMEOUT_MS = 2000

/**
 * Leaves the group without failed scrapes: serves its partitions until they are handed over, leaves
 * the group, and redirects requests that still arrive to the new owners.
 */
export async function depart(
  { ownership, group, changes, handovers, clock }: Services,
  consumer: GroupConsumer,
): Promise<void> {
  const waitFor = async (condition: () => boolean, ms: number) => {
    const deadline = clock.now().mono + ms
    while (!condition() && clock.now().mono < deadline) await delay(POLL_MS)
  }
  const joined = ownership.partitionCount !== undefined
  await consumer.leave()
  if (!joined) return
  group.forget()
  changes.notify()
  if (!(await hasOtherMembers(consumer))) return
  await waitFor(() => group.map() !== undefined && handovers.pending === 0, HANDOVER_MS)
  await delay(LINGER_MS)
}

/** Whether the group has other members; false if the coordinator does not answer. */
async function hasOtherMembers(consumer: GroupConsumer): Promise<boolean> {
  try {
    const timeout = delay(DESCRIBE_TIMEOUT_MS, undefined, { ref: false })
    const group = await Promise.race([consumer.describeGroup(), timeout])
    return group !== undefined && group.members.length > 0
  } catch (error) {
    // During a rebalance the description may be undecodable although there are members.
    return !(error instanceof KafkaError)
  }
}
