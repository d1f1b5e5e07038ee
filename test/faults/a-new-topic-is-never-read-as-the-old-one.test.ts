import kafkajs from 'kafkajs'
import { afterEach, expect, inject, test } from 'vitest'
import { createTopic } from '../../shared/kafka/topics.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, RecordingListener, TestMembers } from '../support/kafka.js'

const members = new TestMembers()
afterEach(() => members.stopAll())

async function produce(topic: string, prefix: string, count: number): Promise<void> {
  const sender = newSender(topic)
  for (let i = 0; i < count; i++)
    await sender.send(Buffer.from('k'), [Buffer.from(`${prefix}-${i}`)])
  await sender.disconnect()
}

test('a topic that was deleted, created again and grown past the old position is read from its beginning', async () => {
  const topic = await newTopic(1)
  await produce(topic, 'old', 3)
  let release = () => {}
  const busy = new Promise<void>(resolve => {
    release = resolve
  })
  // A busy listener stops the fetches, so that no fetch error reveals the deletion.
  const listener = new RecordingListener(() => busy)
  const { logger } = await members.start({ topic, group: name('group'), listener, maxWait: 100 })
  await eventually(() => expect(listener.records).toHaveLength(3))

  const admin = new kafkajs.Kafka({
    brokers: inject('brokers'),
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [topic] })
  await admin.disconnect()
  await eventually(async () =>
    expect(await createTopic({ brokers: inject('brokers') }, { topic, partitions: 1 })).toBe(true),
  )
  await produce(topic, 'new', 10)
  release()

  await eventually(() => expect(listener.fetched.get(0)?.next).toBe(10))
  expect(listener.records.map(({ record }) => record.value!.toString())).toEqual([
    ...Array.from({ length: 3 }, (_, i) => `old-${i}`),
    ...Array.from({ length: 10 }, (_, i) => `new-${i}`),
  ])
  expect(listener.of('replay').map(({ from }) => from)).toEqual([0, 0])
  expect(logger.lines).toContainEqual(expect.stringContaining('was deleted and created again'))
  expect(listener.violations).toEqual([])
})
