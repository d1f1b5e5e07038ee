import kafkajs from 'kafkajs'
import { expect, inject, test } from 'vitest'
import { checkTopic, checkTopics, createTopic, createTopics } from '../../shared/kafka/topics.js'
import { name } from '../support/kafka.js'

const brokers = () => ({ brokers: inject('brokers') })

test('a created topic has the settings that snapshots require', async () => {
  const topic = name('made')
  const created = await createTopic(brokers(), {
    topic,
    partitions: 3,
    replicationFactor: 1,
    retentionMs: 7_200_000,
  })
  expect(created).toBe(true)
  const report = await checkTopic(brokers(), topic)
  expect(report).toMatchObject({
    topic,
    exists: true,
    partitions: 3,
    replicationFactor: 1,
    problems: [],
  })
  expect(report.settings).toMatchObject({
    'message.timestamp.type': 'LogAppendTime',
    'compression.type': 'uncompressed',
    'retention.ms': '7200000',
  })
})

test('the created topics of each program pass its check', async () => {
  for (const role of ['exposer', 'producer', 'agent'] as const) {
    const snapshots = name(role)
    const names = { topics: { snapshots } }
    expect(await createTopics(brokers(), role, {}, names)).toEqual([
      { topic: snapshots, created: true },
    ])
    const { topics, acls } = await checkTopics(brokers(), role, names)
    expect(topics).toMatchObject([{ topic: snapshots, partitions: 12, problems: [] }])
    expect(topics[0]!.settings).toMatchObject({ 'retention.ms': '3600000', 'segment.ms': '600000' })
    expect(acls.map(({ who }) => who)).toEqual(acls.map(() => role))
  }
})

test('the logs of pushes have one partition and unlimited retention, whatever is chosen for the other topics', async () => {
  const names = {
    topics: {
      snapshots: name('snapshots'),
      pushes: name('pushes'),
      pushSnapshots: name('push-snapshots'),
      writes: name('writes'),
    },
  }
  const choices = { partitions: 3, retentionMs: 7_200_000 }
  const created = await createTopics(brokers(), 'gateway', choices, names)
  expect(created.map(({ topic }) => topic)).toEqual(Object.values(names.topics))
  const { topics } = await checkTopics(brokers(), 'gateway', names)
  expect(topics.flatMap(({ problems }) => problems)).toEqual([])
  const log = {
    partitions: 1,
    settings: {
      'message.timestamp.type': 'LogAppendTime',
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'max.message.bytes': String(20 * 1024 * 1024),
    },
  }
  const chosen = {
    partitions: 3,
    settings: { 'message.timestamp.type': 'LogAppendTime', 'retention.ms': '7200000' },
  }
  expect(topics).toMatchObject([chosen, log, log, chosen])
})

test('the default retention of remote write is one day', async () => {
  const topic = name('writes')
  await createTopic(brokers(), { topic, key: 'writes' })
  const { settings, problems } = await checkTopic(brokers(), topic, { key: 'writes' })
  expect(settings).toMatchObject({
    'retention.ms': '86400000',
    'message.timestamp.type': 'LogAppendTime',
  })
  expect(problems).toEqual([])
})

test('an existing topic is not created again', async () => {
  const topic = name('twice')
  const options = { topic, partitions: 1, replicationFactor: 1, retentionMs: 3_600_000 }
  expect(await createTopic(brokers(), options)).toBe(true)
  expect(await createTopic(brokers(), options)).toBe(false)
})

test('a retention below an hour and more replicas than brokers are refused with the reason', async () => {
  const options = { topic: name('wrong'), partitions: 1, replicationFactor: 1, retentionMs: 60_000 }
  await expect(createTopic(brokers(), options)).rejects.toThrow(/an hour or more/)
  await expect(
    createTopic(brokers(), { ...options, retentionMs: 3_600_000, replicationFactor: 99 }),
  ).rejects.toThrow(/lower replication factor/)
})

test('a topic with the default settings of Kafka and a missing topic fail the check', async () => {
  const topic = name('plain')
  const admin = new kafkajs.Kafka({ ...brokers(), logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true })
  await admin.disconnect()
  const { problems } = await checkTopic(brokers(), topic)
  expect(problems.find(p => p.severity === 'error')).toMatchObject({
    message: expect.stringContaining('timestamps of their producers'),
    fix: expect.stringContaining('message.timestamp.type=LogAppendTime'),
  })

  const missing = await checkTopic(brokers(), name('missing'))
  expect(missing.exists).toBe(false)
  expect(missing.problems).toMatchObject([
    { severity: 'error', fix: expect.stringContaining('kafka-exposer topic create') },
  ])
})
