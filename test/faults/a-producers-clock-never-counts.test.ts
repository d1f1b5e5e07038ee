import kafkajs from 'kafkajs'
import { afterEach, expect, inject, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, TestMembers } from '../support/kafka.js'

const { ConfigResourceTypes, Kafka, logLevel, Partitioners } = kafkajs
const members = new TestMembers()
afterEach(() => members.stopAll())

test('records with CreateTime are unreadable, and records with LogAppendTime arrive', async () => {
  const kafka = new Kafka({ brokers: inject('brokers'), logLevel: logLevel.NOTHING })
  const topic = name('stamped')
  const admin = kafka.admin()
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await admin.connect()
  await producer.connect()
  try {
    const set = (value: string) => [{ name: 'message.timestamp.type', value }]
    const own = { topic, numPartitions: 1, configEntries: set('CreateTime') }
    await admin.createTopics({ waitForLeaders: true, topics: [own] })
    const began = Date.now()
    const fast = String(began + 3_600_000)
    const send = (...values: string[]) =>
      producer.send({ topic, messages: values.map(value => ({ value, timestamp: fast })) })
    await send('CreateTime', 'CreateTime too')
    const resources = [
      { type: ConfigResourceTypes.TOPIC, name: topic, configEntries: set('LogAppendTime') },
    ]
    await admin.alterConfigs({ validateOnly: false, resources })

    const { listener, logger } = await members.start({ topic, group: name('group') })
    await eventually(() => expect(listener.records).toHaveLength(2))
    // Brokers apply a changed setting after some time.
    await eventually(async () => {
      await send('LogAppendTime')
      const last = listener.records.at(-1)!.record
      expect(last.value?.toString()).toBe('LogAppendTime')
    })
    for (const { record } of listener.records) {
      if (record.unreadable) {
        expect(record).toMatchObject({ unreadable: 'timestamp', timestamp: -Infinity, value: null })
      } else {
        expect(record.timestamp).toBeGreaterThanOrEqual(began)
        expect(record.timestamp).toBeLessThan(began + 3_600_000)
      }
    }
    expect(listener.records.slice(0, 2).map(({ record }) => record.unreadable)).toEqual([
      'timestamp',
      'timestamp',
    ])
    expect(logger.lines).toContainEqual(
      expect.stringMatching(/message\.timestamp\.type=LogAppendTime/),
    )
    expect(listener.violations).toEqual([])
  } finally {
    await producer.disconnect()
    await admin.disconnect()
  }
})
