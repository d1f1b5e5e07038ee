import { Socket } from 'node:net'
import { createGroupConsumer } from '../../../shared/kafka/group-consumer.js'
import { committed, replayWindow } from '../../../shared/kafka/start.js'

/**
 * A group member in its own process, which a test can suspend. At every turn of the event loop it
 * checks which partitions it may serve. It reports changes and turns after a pause.
 *
 *   member.js <brokers> <topic> <group> <session timeout ms> [commits] [instance=<id>]
 *
 * After the message `cut off` it has no connection to Kafka any more.
 */
const [brokers, topic, group, sessionTimeout, ...more] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  ...string[],
]
const commits = more.includes('commits')
const instanceId = more.find(text => text.startsWith('instance='))?.split('=')[1]
const quiet = () => {}

export interface Sample {
  /** Cause of the check: a turn of the event loop, a call of the listener, or `cut off`. */
  readonly cause: string
  readonly wall: number
  /** Milliseconds since the last check. */
  readonly away: number
  readonly held: readonly number[]
}

let assigned: number[] = []
let last = performance.now()
let reported = ''

const consumer = createGroupConsumer({
  kafka: { brokers: brokers.split(',') },
  topic,
  group,
  start: commits ? committed() : replayWindow(600_000),
  commits,
  ...(instanceId !== undefined && { instanceId }),
  sessionTimeout: Number(sessionTimeout),
  heartbeatInterval: 200,
  logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  listener: {
    onAssignment: ({ kept, fresh }) => {
      check('assignment')
      assigned = [...kept, ...fresh]
    },
    onReplay: () => check('replay'),
    onRebalancing: () => check('rebalancing'),
    onRecords: (partition, _records, { next }) => {
      check('records')
      if (commits) consumer.commit(partition, next)
    },
    onFetched: () => check('fetched'),
    onFetchError: () => check('error'),
  },
})

function check(cause: string): void {
  const now = performance.now()
  const held = consumer.leaseUntil() > now ? assigned : []
  const away = now - last
  last = now
  const current = JSON.stringify(held)
  const isNews =
    current !== reported || away > 100 || ['assignment', 'rebalancing', 'cut off'].includes(cause)
  if (!isNews) return
  reported = current
  process.send?.({ cause, wall: Date.now(), away, held } satisfies Sample)
}

const sockets = new Set<Socket>()
let isCutOff = false
const connect = Socket.prototype.connect
Socket.prototype.connect = function (this: Socket, ...args: never[]) {
  sockets.add(this)
  if (isCutOff) this.destroy(new Error('cut off'))
  else connect.apply(this, args as never)
  return this
}
process.on('message', () => {
  isCutOff = true
  for (const socket of sockets) socket.destroy()
  check('cut off')
})

process.once('disconnect', () => process.exit())
setInterval(() => check('turn'), 1)
await consumer.start()
