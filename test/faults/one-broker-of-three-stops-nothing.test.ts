import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { eventually } from '../support/eventually.js'
import { name, TestMembers } from '../support/kafka.js'
import { Traffic } from '../support/traffic.js'

let kafka: LocalKafka
const members = new TestMembers()
const traffic = new Traffic()
beforeAll(async () => {
  // A short session timeout of brokers, so that partitions get new leaders sooner.
  const properties = { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' }
  kafka = await startKafka({ own: true, brokers: 3, properties })
})
afterEach(async () => {
  await traffic.stop()
  await members.stopAll()
})
afterAll(() => kafka?.stop())

test('when one of three brokers is killed, reading continues at the new leaders without a gap', async () => {
  const { brokers } = kafka
  const topic = name('replicated')
  await createTopic(
    { brokers },
    { topic, partitions: 6, replicationFactor: 3, retentionMs: 3_600_000 },
  )
  const { listener, held } = await members.start({
    topic,
    group: name('group'),
    kafka: { brokers },
    sessionTimeout: 20_000,
  })
  traffic.start(topic, brokers)
  await eventually(() => expect(held()).toHaveLength(6))
  await eventually(() => expect(listener.records.length).toBeGreaterThan(100))

  for (const node of kafka.nodes) {
    await node.kill('SIGKILL')
    const { written } = traffic
    await eventually(() => expect(traffic.written).toBeGreaterThan(written + 200))
    const positions = new Map(listener.positions)
    await eventually(() => {
      for (const p of listener.assigned)
        expect(listener.positions.get(p)).toBeGreaterThan(positions.get(p)!)
      expect(held()).toHaveLength(6)
    })
    await node.restart()
  }
  await traffic.stop()
  await eventually(() => {
    for (const { next, highWatermark } of listener.fetched.values())
      expect(next).toBe(highWatermark)
    expect(
      new Set(listener.records.map(r => `${r.partition}/${r.record.offset}`)).size,
    ).toBeGreaterThanOrEqual(traffic.written)
  })
  expect(listener.violations).toEqual([])
  expect(listener.gaps).toEqual([])
})
