import kafkajs from 'kafkajs'
import { afterEach, expect, inject, test } from 'vitest'
import { replayWindow } from '../../shared/kafka/start.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, RecordingListener, TestMembers } from '../support/kafka.js'

const members = new TestMembers()
afterEach(() => members.stopAll())

const twelve = Array.from({ length: 12 }, (_, p) => p)

async function produce(topic: string, count: number, size = 10): Promise<void> {
  const sender = newSender(topic)
  for (let i = 0; i < count; i++)
    await sender.send(Buffer.from(`key-${i}`), [Buffer.alloc(size, `${i}`)])
  await sender.disconnect()
}

test('a single member gets all partitions and reads each record once and in order', async () => {
  const topic = await newTopic(12)
  await produce(topic, 200)
  const { listener, held } = await members.start({ topic, group: name('group') })
  await eventually(() => expect(listener.caughtUp).toEqual(twelve))
  expect(listener.records).toHaveLength(200)
  expect(listener.of('assignment')).toEqual([
    {
      type: 'assignment',
      epoch: 1,
      partitionCount: 12,
      kept: [],
      fresh: twelve,
      lost: [],
      previous: {},
    },
  ])
  expect(listener.violations).toEqual([])
  expect(held()).toEqual(twelve)
})

test('every fetch response is passed to the listener with its high watermark, also without records', async () => {
  const topic = await newTopic(3)
  await produce(topic, 5)
  const { listener } = await members.start({ topic, group: name('group'), maxWait: 100 })
  await eventually(() => {
    expect(listener.fetched.size).toBe(3)
    for (const { answers } of listener.fetched.values()) expect(answers).toBeGreaterThanOrEqual(3)
  })
  const ends = [...listener.fetched.values()].map(f => f.highWatermark)
  expect(ends.reduce((a, b) => a + b, 0)).toBe(5)
  for (const { next, highWatermark } of listener.fetched.values()) expect(next).toBe(highWatermark)
})

test('a slow listener delays the next fetch but not the heartbeats', async () => {
  const topic = await newTopic(1)
  await produce(topic, 3)
  let release = () => {}
  const busy = new Promise<void>(resolve => {
    release = resolve
  })
  const listener = new RecordingListener(() => busy)
  const { consumer } = await members.start({
    topic,
    group: name('group'),
    listener,
    sessionTimeout: 6_000,
    heartbeatInterval: 100,
  })
  await eventually(() => expect(listener.records.length).toBeGreaterThan(0))
  const lease = consumer.leaseUntil()
  await eventually(() => expect(consumer.leaseUntil()).toBeGreaterThan(lease + 1_000))
  expect(listener.fetched.size).toBe(0)
  release()
  await eventually(() => expect(listener.fetched.get(0)?.next).toBe(3))
})

test('a second member gets half of the partitions, and the group description has the assignment', async () => {
  const topic = await newTopic(12)
  const group = name('group')
  const a = await members.start({ topic, group })
  await eventually(() => expect(a.held()).toEqual(twelve))
  const b = await members.start({ topic, group })
  await eventually(() => {
    expect(a.held()).toHaveLength(6)
    expect(b.held()).toHaveLength(6)
  })
  const map = await a.consumer.describeGroup()
  expect(map).toMatchObject({ stable: true, partitionCount: 12 })
  expect(map.members.map(m => [m.metadata.toString(), m.partitions]).sort()).toEqual(
    [
      ['member-0', a.held()],
      ['member-1', b.held()],
    ].sort(),
  )
})

test('the partitions of a member that stops are assigned without waiting for its session timeout', async () => {
  const topic = await newTopic(4)
  const group = name('group')
  const a = await members.start({ topic, group, sessionTimeout: 600_000 })
  const b = await members.start({ topic, group, sessionTimeout: 600_000 })
  await eventually(() => expect([a.held().length, b.held().length]).toEqual([2, 2]))
  const assignmentsBefore = b.listener.of('assignment').length
  await a.stop()
  expect(a.consumer.leaseUntil()).toBe(Number.NEGATIVE_INFINITY)
  // Well below the session timeout, which a crash would take.
  await eventually(() => expect(b.held()).toEqual([0, 1, 2, 3]))
  // A planned stop rejoins without claims and then leaves: the second round may follow at once.
  const since = b.listener.of('assignment').slice(assignmentsBefore)
  expect(since[0]!.kept).toHaveLength(2)
  for (const { kept } of since) expect(kept.length).toBeGreaterThanOrEqual(2)
})

test('only records within the replay window are replayed', async () => {
  const topic = await newTopic(1)
  await produce(topic, 3)
  const { listener } = await members.start({ topic, group: name('group'), start: replayWindow(0) })
  await eventually(() => expect(listener.caughtUp).toEqual([0]))
  expect(listener.of('replay')).toEqual([{ type: 'replay', partition: 0, from: 3, until: 3 }])
  await produce(topic, 1)
  await eventually(() => expect(listener.records.map(r => r.record.offset)).toEqual([3]))
})

test('added partitions are assigned to the existing members', async () => {
  const topic = await newTopic(2)
  const group = name('group')
  const a = await members.start({ topic, group, metadataMaxAge: 200 })
  const b = await members.start({ topic, group, metadataMaxAge: 200 })
  await eventually(() => expect([a.held().length, b.held().length]).toEqual([1, 1]))
  const before = [a.held()[0], b.held()[0]]
  const admin = new kafkajs.Kafka({
    brokers: inject('brokers'),
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin()
  await admin.connect()
  await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
  await admin.disconnect()
  await eventually(() => expect([...a.held(), ...b.held()].sort()).toEqual([0, 1, 2, 3, 4]))
  await eventually(() =>
    expect([a.listener.partitionCount, b.listener.partitionCount]).toEqual([5, 5]),
  )
  expect(a.held()).toContain(before[0])
  expect(b.held()).toContain(before[1])
  expect([...a.listener.violations, ...b.listener.violations]).toEqual([])
})

test('a group that other consumers use is refused with what to do', async () => {
  const topic = await newTopic(1)
  const group = name('group')
  const kafka = new kafkajs.Kafka({
    brokers: inject('brokers'),
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const foreign = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
  await foreign.connect()
  await foreign.subscribe({ topics: [topic] })
  const joined = new Promise(resolve => foreign.on(foreign.events.GROUP_JOIN, resolve))
  await foreign.run({ autoCommit: false, eachMessage: async () => {} })
  await joined
  try {
    const { consumer, logger } = await members.start({ topic, group })
    await eventually(() =>
      expect(logger.lines).toContainEqual(expect.stringContaining('--kafka.group')),
    )
    expect(consumer.leaseUntil()).toBe(Number.NEGATIVE_INFINITY)
  } finally {
    await foreign.disconnect()
  }
})

test('a member waits for a missing topic, and logs the command that creates it', async () => {
  const topic = name('later')
  const { logger, held } = await members.start({ topic, group: name('group') })
  await eventually(() =>
    expect(logger.lines).toContainEqual(expect.stringContaining('kafka-exposer topic create')),
  )
  await createTopic(
    { brokers: inject('brokers') },
    { topic, partitions: 2, replicationFactor: 1, retentionMs: 3_600_000 },
  )
  await eventually(() => expect(held()).toEqual([0, 1]))
})

test('stopping does not wait for a listener that never ends', async () => {
  const topic = await newTopic(1)
  await produce(topic, 1)
  const listener = new RecordingListener(() => new Promise(() => {}))
  const { stop } = await members.start({ topic, group: name('group'), listener })
  await eventually(() => expect(listener.records).toHaveLength(1))
  await stop()
})

test('an error that a listener throws is logged, and reading continues', async () => {
  const topic = await newTopic(1)
  await produce(topic, 3)
  const listener = new RecordingListener(() => {
    throw new Error('listener failed')
  })
  const { logger } = await members.start({ topic, group: name('group'), listener })
  await eventually(() => expect(listener.fetched.get(0)?.next).toBe(3))
  expect(logger.lines).toContainEqual(expect.stringContaining('listener failed'))
})

test('after retention has deleted the position, reading continues at the beginning of the log, with a gap', async () => {
  const topic = await newTopic(1)
  await produce(topic, 5)
  let release = () => {}
  const busy = new Promise<void>(resolve => {
    release = resolve
  })
  const listener = new RecordingListener(() => busy)
  // One record per fetch, so that the listener stops the reading after the first.
  const { logger } = await members.start({
    topic,
    group: name('group'),
    listener,
    maxBytes: 1,
    maxBytesPerPartition: 1,
  })
  await eventually(() => expect(listener.records).toHaveLength(1))
  const admin = new kafkajs.Kafka({
    brokers: inject('brokers'),
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin()
  await admin.connect()
  await admin.fetchTopicOffsets(topic) // The next call needs the metadata that this one caches.
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] })
  await admin.disconnect()
  release()
  await eventually(() => expect(listener.records.map(r => r.record.offset)).toEqual([0, 4]))
  expect(listener.gaps).toEqual(['0: 1 to 4'])
  expect(logger.lines).toContainEqual(expect.stringContaining('3 records were deleted unread'))
  expect(listener.violations).toEqual([])
})

test('a topic that was deleted and created again is read from its beginning', async () => {
  const topic = await newTopic(1)
  await produce(topic, 5)
  const { listener } = await members.start({ topic, group: name('group'), maxWait: 100 })
  await eventually(() => expect(listener.records).toHaveLength(5))
  const admin = new kafkajs.Kafka({
    brokers: inject('brokers'),
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [topic] })
  await eventually(() => expect(listener.of('error').at(-1)?.message).toMatch(/does not exist/))
  const options = { topic, partitions: 1, replicationFactor: 1, retentionMs: 3_600_000 }
  await eventually(() => createTopic({ brokers: inject('brokers') }, options))
  await admin.disconnect()
  await produce(topic, 2)
  await eventually(() =>
    expect(listener.records.map(r => r.record.offset)).toEqual([0, 1, 2, 3, 4, 0, 1]),
  )
  expect(listener.of('replay').map(r => r.from)).toEqual([0, 0])
  expect(listener.violations).toEqual([])
})
