import { afterEach, expect, test } from 'vitest'
import { committed } from '../../shared/kafka/start.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic, RecordingListener, TestMembers } from '../support/kafka.js'

const members = new TestMembers()
afterEach(() => members.stopAll())

test('a member that returns under its instance id gets its partitions back, and the others notice nothing', async () => {
  const topic = await newTopic(6)
  const group = name('group')
  const a = await members.start({ topic, group, instanceId: 'a', metadata: Buffer.from('a') })
  await eventually(() => expect(a.held()).toHaveLength(6))
  const b = await members.start({ topic, group, instanceId: 'b', metadata: Buffer.from('b') })
  await eventually(() => expect([a.held().length, b.held().length]).toEqual([3, 3]))
  const before = a.held()
  const assignments = b.listener.of('assignment').length
  // The first one is the leader of the group. It is ended by its successor.
  const successor = await members.start({
    topic,
    group,
    instanceId: 'a',
    metadata: Buffer.from('a'),
  })
  await eventually(() => expect(successor.held()).toEqual(before))
  await eventually(() => expect(a.held()).toEqual([]))
  expect(b.listener.of('assignment')).toHaveLength(assignments)
  expect(successor.listener.of('assignment').at(-1)!.previous).toEqual({})

  // As the leader of the next rebalance, the successor assigns by the claims of all.
  const kept = b.held()
  const c = await members.start({ topic, group, instanceId: 'c' })
  await eventually(() =>
    expect([successor.held().length, b.held().length, c.held().length]).toEqual([2, 2, 2]),
  )
  expect(kept).toEqual(expect.arrayContaining(b.held()))
  expect(before).toEqual(expect.arrayContaining(successor.held()))
})

test('a member that returns during a rebalance gets its share, and the others keep theirs', async () => {
  const topic = await newTopic(6)
  const group = name('group')
  const start = (id: string) =>
    members.start({ topic, group, instanceId: id, metadata: Buffer.from(id) })
  const a = await start('a')
  await eventually(() => expect(a.held()).toHaveLength(6))
  const b = await start('b')
  await eventually(() => expect([a.held().length, b.held().length]).toEqual([3, 3]))
  const kept = b.held()
  // The successor of a joins while the rebalance that c has begun waits for b.
  let successor: ReturnType<typeof start> | undefined
  b.listener.atRebalancing = () => {
    successor = start('a')
  }
  const c = await start('c')
  await eventually(() => expect(successor).toBeDefined())
  const returned = await successor!
  await eventually(() =>
    expect([returned.held().length, b.held().length, c.held().length]).toEqual([2, 2, 2]),
  )
  expect([...returned.held(), ...b.held(), ...c.held()].sort()).toEqual([0, 1, 2, 3, 4, 5])
  expect(kept).toEqual(expect.arrayContaining(b.held()))
})

test('a partition whose owner is replaced while it gives it up is assigned all the same', async () => {
  const topic = await newTopic(4)
  const group = name('group')
  const start = (id: string, listener = new RecordingListener()) =>
    members.start({ topic, group, instanceId: id, metadata: Buffer.from(id), listener })
  let successor: ReturnType<typeof start> | undefined
  class Replaced extends RecordingListener {
    override onRevoking(partitions: readonly number[]): Promise<void> {
      super.onRevoking(partitions)
      successor ??= start('a')
      return new Promise(() => {})
    }
  }
  const a = await start('a', new Replaced())
  await eventually(() => expect(a.held()).toHaveLength(4))
  const b = await start('b')
  await eventually(() => expect(successor).toBeDefined())
  const returned = await successor!
  await eventually(() => expect([...returned.held(), ...b.held()].sort()).toEqual([0, 1, 2, 3]))
})

test('a member that stops is removed from the group, so that its partitions are assigned at once', async () => {
  const topic = await newTopic(4)
  const group = name('group')
  const options = { topic, group, sessionTimeout: 600_000 }
  const a = await members.start({ ...options, instanceId: 'a', metadata: Buffer.from('a') })
  const b = await members.start({ ...options, instanceId: 'b' })
  await eventually(() => expect([a.held().length, b.held().length]).toEqual([2, 2]))
  const given = a.held()
  await a.stop()
  await eventually(() => expect(b.held()).toEqual([0, 1, 2, 3]))
  await eventually(async () => expect((await b.consumer.describeGroup()).members).toHaveLength(1))
  // The new owner is told who gave them up.
  const moved = b.listener.of('assignment').find(({ fresh }) => fresh.includes(given[0]!))!
  expect(moved.previous).toEqual(Object.fromEntries(given.map(partition => [partition, 'a'])))
  expect(moved.kept).toHaveLength(2)
})

test('a duplicate that commits never takes the place of its successor', async () => {
  const topic = await newTopic(1)
  const options = {
    topic,
    group: name('group'),
    instanceId: 'a',
    start: committed(),
    commits: true,
    // The first one learns of its successor by a commit.
    sessionTimeout: 60_000,
    heartbeatInterval: 20_000,
  }
  let ended = ''
  const first = await members.start({
    ...options,
    onDuplicate: error => {
      ended = error.type
    },
  })
  await eventually(() => expect(first.held()).toEqual([0]))
  const second = await members.start(options)
  await eventually(() => expect(second.held()).toEqual([0]))
  first.consumer.commit(0, 0)
  await eventually(() => expect(ended).toBe('FENCED_INSTANCE_ID'))
  expect(first.held()).toEqual([])
  expect(second.held()).toEqual([0])
})
