import { setTimeout as delay } from 'node:timers/promises'
import { KafkaError } from '../../shared/kafka/errors.js'
import type { GroupConsumer } from '../../shared/kafka/types.js'
import type { Services } from '../routes/services.js'

/** What is being written when the shard is to stop may end before its partitions are given away, ms. */
const FINISH_MS = 500
/** How long the group may take to share the partitions out anew, ms; longer, and requests are better off failing. */
const HANDOVER_MS = 8000
/** For those who were sent here just before everybody knew, ms. */
const LINGER_MS = 500
const LOOK_EVERY_MS = 20
/** How long the coordinator may take to say who is left, ms. */
const ANSWER_MS = 2000

/**
 * A planned departure that no scrape notices: what is being answered ends, the group is left, and whoever still asks here,
 * because another shard or a balancer has not heard of it yet, is sent on to the new owner.
 */
export async function depart(
  { ownership, group, changes, telemetry, clock }: Services,
  consumer: GroupConsumer,
): Promise<void> {
  const until = async (met: () => boolean, ms: number) => {
    const limit = clock.now().mono + ms
    while (!met() && clock.now().mono < limit) await delay(LOOK_EVERY_MS)
  }
  const joined = ownership.partitionCount !== undefined
  ownership.leave()
  // Held requests are in flight too; they wait for a change.
  await until(() => telemetry.scrapes.inFlight <= changes.waiting, FINISH_MS)
  await consumer.leave()
  if (!joined) return
  ownership.left()
  changes.notify()
  const remaining = await others(consumer)
  if (!remaining) return
  await until(() => group.map() !== undefined, HANDOVER_MS)
  await delay(LINGER_MS)
}

/** Whether anybody is left to take over; nobody is, as far as anybody can say, when the coordinator does not answer. */
async function others(consumer: GroupConsumer): Promise<boolean> {
  try {
    const silence = delay(ANSWER_MS, undefined, { ref: false })
    const group = await Promise.race([consumer.describeGroup(), silence])
    return group !== undefined && group.members.length > 0
  } catch (error) {
    // In the middle of a rebalance what the coordinator tells may be unreadable; without Kafka nobody takes over.
    return !(error instanceof KafkaError)
  }
}
