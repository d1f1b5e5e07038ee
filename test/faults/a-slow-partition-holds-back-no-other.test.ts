import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { systemClock } from '../../shared/base/clock.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import { createSender } from '../../shared/kafka/sender.js'
import { ConflatingOutbox } from '../../shared/publish/conflating-outbox.js'
import { eventually } from '../support/eventually.js'
import { name, silent } from '../support/kafka.js'
import { untilSuspended } from '../support/suspended.js'

const { Kafka, logLevel } = kafkajs
/**
 * Broker 1 leads all partitions. The follower of 0 and 1 is broker 2, that of the others broker 3.
 */
const ASSIGNMENT = [2, 2, 3, 3, 3, 3].map(follower => [1, follower])
const SLOW = 2

let kafka: LocalKafka
beforeAll(async () => {
  // A suspended broker must stay in the ISR during the test, so that its partitions wait for it.
  const properties = { 'broker.session.timeout.ms': '120000', 'replica.lag.time.max.ms': '120000' }
  kafka = await startKafka({ own: true, brokers: 3, properties })
})
afterAll(async () => {
  kafka?.resume()
  await kafka?.stop()
})

async function newTopic(): Promise<string> {
  const topic = name('slow')
  const admin = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const replicaAssignment = ASSIGNMENT.map((replicas, partition) => ({ partition, replicas }))
  await admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: true })
  await admin.disconnect()
  return topic
}

test('a partition whose replica hangs delays the others of its broker only once, and recovers when it resumes', async () => {
  const topic = await newTopic()
  const sender = createSender({
    kafka: { brokers: kafka.brokers },
    topic,
    logger: silent,
    sendTimeout: 5000,
  })
  const outbox = new ConflatingOutbox({ sender, clock: systemClock })
  const targets = Array.from({ length: 60 }, (_, i) => {
    const key = Buffer.from(`instance\0host-${i}\0job\0api\0`)
    return { partition: partitionFor(key, ASSIGNMENT.length), outbox: outbox.target(key) }
  })
  const slow = targets.filter(({ partition }) => partition < SLOW)
  const others = targets.filter(({ partition }) => partition >= SLOW)
  expect(slow.length).toBeGreaterThan(5)
  const offering = setInterval(() => {
    for (const { outbox } of targets)
      outbox.offer({ bytes: 10, encodedBytes: 10, encode: () => [Buffer.from('snapshot')] })
  }, 20)
  const arrived = (some: typeof targets) => some.map(({ outbox }) => outbox.counts.acknowledged)
  const grow = (some: typeof targets, by: number) => {
    const before = arrived(some)
    return eventually(() => {
      for (const [i, count] of arrived(some).entries())
        expect(count).toBeGreaterThan(before[i] + by)
    })
  }
  try {
    await grow(targets, 3)
    kafka.nodes[1].pause()
    await untilSuspended(kafka.nodes[1].child!.pid)
    // Sends in flight may still be acknowledged.
    await grow(others, 1)
    const stuck = arrived(slow)
    // If the others advanced only once per timeout, this would take minutes.
    await grow(others, 100)
    expect(arrived(slow)).toEqual(stuck)
    kafka.nodes[1].resume()
    await grow(targets, 3)
  } finally {
    clearInterval(offering)
    outbox.stop()
    await sender.disconnect()
  }
  for (const { outbox } of targets) {
    const { offered, acknowledged, superseded, held } = outbox.counts
    expect(offered).toBe(acknowledged + superseded + held)
  }
})
