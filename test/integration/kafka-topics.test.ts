import kafkajs from 'kafkajs'
import { expect, inject, test } from 'vitest'
import { checkTopic, createTopic } from '../../shared/kafka/topics.js'
import { name } from '../support/kafka.js'

const brokers = () => ({ brokers: inject('brokers') })

test('a topic made here is fit for snapshots', async () => {
  const topic = name('made')
  const created = await createTopic(brokers(), {
    topic,
    partitions: 3,
    replicationFactor: 1,
    retentionMs: 7_200_000,
  })
  expect(created).toBe(true)
  const report = await checkTopic(brokers(), topic)
  expect(report).toMatchObject({ topic, exists: true, partitions: 3, replicationFactor: 1, problems: [] })
  expect(report.settings).toMatchObject({
    'message.timestamp.type': 'LogAppendTime',
    'compression.type': 'uncompressed',
    'retention.ms': '7200000',
  })
  expect(report.acls.map(acl => acl.who)).toContain('publisher')
})

test('making it twice makes it once', async () => {
  const topic = name('twice')
  const options = { topic, partitions: 1, replicationFactor: 1, retentionMs: 3_600_000 }
  expect(await createTopic(brokers(), options)).toBe(true)
  expect(await createTopic(brokers(), options)).toBe(false)
})

test('less than an hour of retention, or more replicas than brokers, is refused with a reason', async () => {
  const options = { topic: name('wrong'), partitions: 1, replicationFactor: 1, retentionMs: 60_000 }
  await expect(createTopic(brokers(), options)).rejects.toThrow(/an hour or more/)
  await expect(
    createTopic(brokers(), { ...options, retentionMs: 3_600_000, replicationFactor: 99 }),
  ).rejects.toThrow(/lower replication factor/)
})

test("a topic with Kafka's own settings is found unfit, and one that is missing as missing", async () => {
  const topic = name('plain')
  const admin = new kafkajs.Kafka({ ...brokers(), logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true })
  await admin.disconnect()
  const { problems } = await checkTopic(brokers(), topic)
  expect(problems.find(p => p.severity === 'error')).toMatchObject({
    message: expect.stringContaining('time of their producers'),
    fix: expect.stringContaining('message.timestamp.type=LogAppendTime'),
  })

  const missing = await checkTopic(brokers(), name('missing'))
  expect(missing.exists).toBe(false)
  expect(missing.problems).toMatchObject([
    { severity: 'error', fix: expect.stringContaining('kafka-exposer topic create') },
  ])
})
