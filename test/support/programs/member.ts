import { createGroupConsumer } from '../../../shared/kafka/group-consumer.js'
import { committed, replayWindow } from '../../../shared/kafka/start.js'

/**
 * A member of a group in a process of its own, which may be stopped in its tracks. At every turn it asks itself what it
 * could serve, and tells when that has changed or when it has been away.
 *
 *   member.js <brokers> <topic> <group> <session timeout ms> [commits]
 */
const [brokers, topic, group, sessionTimeout, commits] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string?,
]
const quiet = () => {}

export interface Sample {
  /** What made it look: a turn of the loop, or a call of the listener. */
  readonly cause: string
  readonly wall: number
  /** Milliseconds since it last looked. */
  readonly away: number
  readonly held: readonly number[]
}

let assigned: number[] = []
let last = performance.now()
let told = ''

const consumer = createGroupConsumer({
  kafka: { brokers: brokers.split(',') },
  topic,
  group,
  start: commits ? committed() : replayWindow(600_000),
  commits: commits !== undefined,
  sessionTimeout: Number(sessionTimeout),
  heartbeatInterval: 200,
  logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  listener: {
    onAssignment: ({ kept, fresh }) => {
      look('assignment')
      assigned = [...kept, ...fresh]
    },
    onReplay: () => look('replay'),
    onRebalancing: () => look('rebalancing'),
    onRecords: (partition, _records, { next }) => {
      look('records')
      if (commits) consumer.commit(partition, next)
    },
    onFetched: () => look('fetched'),
    onFetchError: () => look('error'),
  },
})

function look(cause: string): void {
  const now = performance.now()
  const held = consumer.leaseUntil() > now ? assigned : []
  const away = now - last
  last = now
  const changed = JSON.stringify(held)
  const news = changed !== told || away > 100 || cause === 'assignment' || cause === 'rebalancing'
  if (!news) return
  told = changed
  process.send?.({ cause, wall: Date.now(), away, held } satisfies Sample)
}

process.once('disconnect', () => process.exit())
setInterval(() => look('turn'), 1)
await consumer.start()
