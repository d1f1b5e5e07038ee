import kafkajs from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import type { Assigner } from '../../shared/kafka/assigner.js'
import { commitOffsets } from '../../shared/kafka/group/offsets.js'
import {
  beginning,
  type Committed,
  committed,
  type StartPosition,
} from '../../shared/kafka/start.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { Cluster } from '../../shared/kafka/wire/cluster.js'
import { eventually } from '../support/eventually.js'
import {
  name,
  newSender,
  newTopic,
  RecordingListener,
  silent,
  type TestMember,
  TestMembers,
} from '../support/kafka.js'

const members = new TestMembers()
afterEach(() => members.stopAll())

/** Reads the committed offsets of a group with another client. −1 means no commit. */
let admin: kafkajs.Admin
beforeAll(async () => {
  admin = new kafkajs.Kafka({
    brokers: inject('brokers'),
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin()
  await admin.connect()
})
afterAll(() => admin?.disconnect())

async function committedOf(group: string, topic: string): Promise<number[]> {
  const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
  return found!.partitions.sort((a, b) => a.partition - b.partition).map(p => Number(p.offset))
}

async function produce(topic: string, count: number): Promise<void> {
  const sender = newSender(topic)
  for (let i = 0; i < count; i++) await sender.send(Buffer.from(`key-${i}`), [Buffer.from(`${i}`)])
  await sender.disconnect()
}

const offsets = ({ listener }: TestMember) => listener.records.map(r => r.record.offset)

test('a restarted member starts at the committed offset, and gets uncommitted records again', async () => {
  const topic = await newTopic(1)
  const options = { topic, group: name('group'), start: committed(), commits: true }
  await produce(topic, 5)
  const first = await members.start(options)
  await eventually(() => expect(offsets(first)).toEqual([0, 1, 2, 3, 4]))
  first.consumer.commit(0, 3)
  await first.stop()
  expect(await committedOf(options.group, topic)).toEqual([3])

  const second = await members.start(options)
  await eventually(() => expect(second.listener.caughtUp).toEqual([0]))
  expect(offsets(second)).toEqual([3, 4])
  expect(second.listener.of('replay')).toMatchObject([{ from: 3, until: 5 }])
})

test('positions are committed while the member runs', async () => {
  const topic = await newTopic(1)
  const group = name('group')
  await produce(topic, 3)
  const { consumer, listener } = await members.start({
    topic,
    group,
    start: beginning,
    commits: true,
  })
  await eventually(() => expect(listener.caughtUp).toEqual([0]))
  for (const offset of [1, 2, 3]) consumer.commit(0, offset)
  // A position never goes back: a late acknowledgement must not undo a later one.
  consumer.commit(0, 2)
  await eventually(async () => expect(await committedOf(group, topic)).toEqual([3]))
})

test('after a rebalance the new owner does not get records that the previous owner has committed', async () => {
  const topic = await newTopic(4)
  const group = name('group')
  await produce(topic, 40)
  const start = async () => {
    const listener: RecordingListener = new RecordingListener(partition => {
      member?.consumer.commit(partition, listener.positions.get(partition)!)
    })
    let member: TestMember | undefined
    member = await members.start({ topic, group, start: committed(), commits: true, listener })
    return member
  }
  const first = await start()
  await eventually(() => expect(first.listener.caughtUp).toEqual([0, 1, 2, 3]))
  const second = await start()
  await eventually(() => {
    expect([first.held().length, second.held().length]).toEqual([2, 2])
    expect(second.listener.caughtUp).toHaveLength(2)
  })
  expect(offsets(second)).toEqual([])
  expect(second.listener.of('replay').every(({ from, until }) => from === until && from > 0)).toBe(
    true,
  )
  await produce(topic, 40)
  await eventually(() => expect(offsets(first).length + offsets(second).length).toBe(80))
  expect([...first.listener.violations, ...second.listener.violations]).toEqual([])
})

test('a partition moves only after its owner has committed its records in flight', async () => {
  const topic = await newTopic(2)
  const group = name('group')
  await produce(topic, 20)
  let finish = () => {}
  class Flushing extends RecordingListener {
    override onRevoking(partitions: readonly number[]): Promise<void> {
      super.onRevoking(partitions)
      return new Promise(resolve => {
        finish = resolve
      })
    }
  }
  const listener = new Flushing()
  const first = await members.start({ topic, group, start: committed(), commits: true, listener })
  await eventually(() => expect(listener.caughtUp).toEqual([0, 1]))
  const second = await members.start({ topic, group, start: committed(), commits: true })
  await eventually(() => expect(listener.of('revoking')).toHaveLength(1))
  expect(first.held()).toEqual([0, 1])
  // Only now are the records acknowledged.
  for (const [partition, next] of listener.positions) first.consumer.commit(partition, next)
  finish()
  await eventually(() => expect(second.listener.caughtUp).toHaveLength(1))
  expect(offsets(second)).toEqual([])
})

test('a member that never finishes keeps a partition for at most a third of the session timeout', async () => {
  const topic = await newTopic(2)
  const group = name('group')
  class Stuck extends RecordingListener {
    override onRevoking(partitions: readonly number[]): Promise<void> {
      super.onRevoking(partitions)
      return new Promise(() => {})
    }
  }
  const options = { topic, group, start: committed(), commits: true }
  const stuck = await members.start({ ...options, listener: new Stuck() })
  await eventually(() => expect(stuck.held()).toEqual([0, 1]))
  const second = await members.start(options)
  await eventually(() => expect([stuck.held().length, second.held().length]).toEqual([1, 1]))
  // The group has waited for the member and has not removed it.
  expect(stuck.listener.of('assignment').at(-1)!.kept).toHaveLength(1)
})

test('with the start position beginning all records are read, whatever the group has committed', async () => {
  const topic = await newTopic(2)
  const group = name('group')
  await produce(topic, 30)
  const options = { topic, group, commits: true }
  const first = await members.start({ ...options, start: beginning })
  await eventually(() => expect(offsets(first)).toHaveLength(30))
  for (const [partition, next] of first.listener.positions) first.consumer.commit(partition, next)
  await first.stop()
  const second = await members.start({ ...options, start: beginning })
  await eventually(() => expect(offsets(second)).toHaveLength(30))
  expect(second.listener.of('replay').map(({ from }) => from)).toEqual([0, 0])
})

test('without a commit a member begins at the fallback position, and may commit it at once', async () => {
  const topic = await newTopic(1)
  const group = name('group')
  await produce(topic, 4)
  const { listener, consumer } = await members.start({
    topic,
    group,
    start: committed('latest'),
    commits: true,
  })
  await eventually(() => expect(listener.of('replay')).toMatchObject([{ from: 4, until: 4 }]))
  consumer.commit(0, 4)
  await eventually(async () => expect(await committedOf(group, topic)).toEqual([4]))
})

test('the metadata of a commit is returned with its offset, and a program may begin before that offset', async () => {
  const topic = await newTopic(3)
  const group = name('group')
  await produce(topic, 30)
  const first = await members.start({ topic, group, start: beginning, commits: true })
  await eventually(() => expect(offsets(first)).toHaveLength(30))
  const positions = new Map(first.listener.positions)
  first.consumer.commit(1, positions.get(1)!, '{"since":1234}')
  await first.stop()

  const asked: [number, ReadonlyMap<number, Committed>][] = []
  const start: StartPosition = {
    usesCommitted: true,
    of: (partition, offsets) => {
      asked.push([partition, offsets])
      return { offset: Math.max(0, (offsets.get(partition)?.offset ?? 0) - 2) }
    },
    afterReplacement: () => 'earliest',
  }
  const second = await members.start({ topic, group, start, commits: true })
  await eventually(() => expect(second.listener.caughtUp).toEqual([0, 1, 2]))
  expect(asked.map(([partition]) => partition).sort()).toEqual([0, 1, 2])
  for (const [, offsets] of asked) {
    expect([...offsets]).toEqual([[1, { offset: positions.get(1), metadata: '{"since":1234}' }]])
  }
  expect(second.listener.records.filter(r => r.partition === 1)).toHaveLength(2)
  // Reading earlier records again must not lower the committed offset.
  second.consumer.commit(1, positions.get(1)! - 1)
  await second.stop()
  expect(await committedOf(group, topic)).toEqual([-1, positions.get(1), -1])
})

test('with a commit below the beginning of the log, reading continues at the beginning', async () => {
  const topic = await newTopic(1)
  const options = { topic, group: name('group'), start: committed(), commits: true }
  await produce(topic, 6)
  const first = await members.start(options)
  await eventually(() => expect(first.listener.caughtUp).toEqual([0]))
  first.consumer.commit(0, 1)
  await first.stop()
  await admin.fetchTopicOffsets(topic) // The next call needs the metadata that this one caches.
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] })
  const second = await members.start(options)
  await eventually(() => expect(offsets(second)).toEqual([4, 5]))
  expect(second.listener.of('replay')).toMatchObject([{ from: 4 }])
})

test('a topic that was deleted and created again is read from its beginning, without its old commits', async () => {
  const topic = await newTopic(1)
  const group = name('group')
  await produce(topic, 5)
  const listener = new RecordingListener()
  const options = { topic, group, start: committed(), commits: true, maxWait: 100, listener }
  const { consumer } = await members.start(options)
  await eventually(() => expect(listener.caughtUp).toEqual([0]))
  consumer.commit(0, 5)
  await eventually(async () => expect(await committedOf(group, topic)).toEqual([5]))
  await admin.deleteTopics({ topics: [topic] })
  await eventually(() => expect(listener.of('error').at(-1)?.message).toMatch(/does not exist/))
  await eventually(() => createTopic({ brokers: inject('brokers') }, { topic, partitions: 1 }))
  // Kafka has deleted them with the topic.
  await eventually(async () => expect(await committedOf(group, topic)).toEqual([-1]))
  await produce(topic, 2)
  await eventually(() =>
    expect(listener.records.map(r => r.record.offset)).toEqual([0, 1, 2, 3, 4, 0, 1]),
  )
  consumer.commit(0, 2)
  await eventually(async () => expect(await committedOf(group, topic)).toEqual([2]))
})

test('a commit with an old generation or an unknown member id is refused', async () => {
  const topic = await newTopic(2)
  const group = name('group')
  const options = { topic, group, start: committed(), commits: true }
  const first = await members.start(options)
  await eventually(() => expect(first.held()).toEqual([0, 1]))
  const { memberId } = (await first.consumer.describeGroup()).members[0]!
  const second = await members.start(options)
  await eventually(() => expect([first.held().length, second.held().length]).toEqual([1, 1]))

  const cluster = new Cluster({ brokers: inject('brokers') }, silent)
  try {
    const link = cluster.linkTo(await cluster.findCoordinator(group))
    const commit = (as: { memberId: string; generation: number }) =>
      commitOffsets(
        link,
        { group, instanceId: null, ...as },
        topic,
        new Map([[0, { offset: 1, metadata: '' }]]),
        5_000,
      )
    await expect(commit({ memberId, generation: 1 })).rejects.toMatchObject({
      type: 'ILLEGAL_GENERATION',
    })
    await expect(commit({ memberId: 'a stranger', generation: 3 })).rejects.toMatchObject({
      type: 'UNKNOWN_MEMBER_ID',
    })
    expect(await committedOf(group, topic)).toEqual([-1, -1])
    // The first rebalance takes two rounds: one to give up a partition, one to assign it.
    await commit({ memberId, generation: 3 })
    expect(await committedOf(group, topic)).toEqual([1, -1])
  } finally {
    cluster.close()
  }
})

test('a member without `commits` commits nothing, and refuses to', async () => {
  const topic = await newTopic(1)
  const group = name('group')
  await produce(topic, 3)
  const { listener, consumer, stop } = await members.start({ topic, group })
  await eventually(() => expect(listener.caughtUp).toEqual([0]))
  expect(() => consumer.commit(0, 3)).toThrow(/create it with `commits: true`/)
  await stop()
  expect(await committedOf(group, topic)).toEqual([-1])
})

test('members of several groups in one process have separate positions', async () => {
  const [one, other] = [await newTopic(2), await newTopic(3)]
  await produce(one, 20)
  await produce(other, 30)
  const options = { start: committed(), commits: true }
  const groups = [name('a'), name('b'), name('c')]
  const all = await Promise.all([
    members.start({ ...options, topic: one, group: groups[0]! }),
    members.start({ ...options, topic: one, group: groups[1]! }),
    members.start({ ...options, topic: other, group: groups[2]! }),
  ])
  await eventually(() => expect(all.map(member => offsets(member).length)).toEqual([20, 20, 30]))
  for (const [partition, next] of all[0]!.listener.positions)
    all[0]!.consumer.commit(partition, next)
  const ends = [...all[0]!.listener.positions].sort(([a], [b]) => a - b).map(([, next]) => next)
  await all[0]!.stop()
  expect(await committedOf(groups[0]!, one)).toEqual(ends)
  expect(await committedOf(groups[1]!, one)).toEqual([-1, -1])
  expect(all[1]!.held()).toEqual([0, 1])
  expect(all[2]!.held()).toEqual([0, 1, 2])
})

test('the metadata of a member is returned unchanged', async () => {
  const topic = await newTopic(2)
  const group = name('group')
  const metadata = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const first = await members.start({ topic, group, metadata })
  const second = await members.start({ topic, group, metadata: new Uint8Array() })
  await eventually(() => expect([first.held().length, second.held().length]).toEqual([1, 1]))
  for (const { consumer } of [first, second]) {
    const description = await consumer.describeGroup()
    expect(description.members.map(member => member.metadata.length).sort()).toEqual([0, 256])
    expect(description.members.find(member => member.metadata.length > 0)!.metadata).toEqual(
      metadata,
    )
  }
})

test('the assigner is a parameter', async () => {
  const topic = await newTopic(4)
  const group = name('group')
  const lastOnly: Assigner = {
    name: 'last-only',
    assign: (claimants, partitionCount) => {
      const last = [...claimants].sort((a, b) => Buffer.compare(a.metadata, b.metadata)).at(-1)!
      return new Map([[last.memberId, Array.from({ length: partitionCount }, (_, p) => p)]])
    },
  }
  const options = { topic, group, assigner: lastOnly }
  const a = await members.start({ ...options, metadata: Buffer.from('a') })
  await eventually(() => expect(a.held()).toEqual([0, 1, 2, 3]))
  const b = await members.start({ ...options, metadata: Buffer.from('b') })
  await eventually(() => expect(b.held()).toEqual([0, 1, 2, 3]))
  expect(a.held()).toEqual([])
  const { groups } = await admin.describeGroups([group])
  expect(groups[0]!.protocol).toBe('last-only')
})
