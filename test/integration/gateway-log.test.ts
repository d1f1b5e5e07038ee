import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { encodeRequest } from '../../gateway/state/request-codec.js'
import { logEnds } from '../../shared/kafka/log/ends.js'
import { Cluster } from '../../shared/kafka/wire/cluster.js'
import { requestOf, sealed } from '../gateway/state/text.js'
import { newerChunk } from '../support/chunks.js'
import { eventually } from '../support/eventually.js'
import { name, silent } from '../support/kafka.js'
import {
  appendRaw,
  createPushTopics,
  newPushTopics,
  type PushTopics,
  TestStore,
} from '../support/push-stores.js'

let topics: PushTopics
const stores: TestStore[] = []
beforeEach(async () => {
  topics = await newPushTopics()
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.stop()))
})

type Options = Partial<ConstructorParameters<typeof TestStore>[0]>

function newStore(options: Options = {}): TestStore {
  const store = new TestStore({ topics, ...options })
  stores.push(store)
  return store
}

const started = (options: Options = {}) => newStore(options).start()

async function endsOf(topic: string) {
  const cluster = new Cluster({ brokers: inject('brokers') }, silent)
  try {
    return await logEnds(cluster, topic)
  } finally {
    cluster.close()
  }
}

test('a view that is read after a push contains it, and the other gateway follows', async () => {
  const [a, b] = await Promise.all([started(), started()])
  for (let i = 0; i < 50; i++) {
    expect(await a.push({ body: `x ${i}\n` })).toEqual({ kind: 'done' })
    expect(await a.pushed()).toBe(`x{instance="",job="j"} ${i}`)
  }
  await eventually(async () => expect(await b.pushed()).toBe('x{instance="",job="j"} 49'))
  expect(await b.text()).toBe(await a.text())
  expect(a.store.figures).toMatchObject({ recordsMalformed: 0, gaps: 0, lagRecords: 0 })
  expect(a.store.lag()).toBe(0)
})

test('pushes of one gateway are applied in the order of the calls', async () => {
  const a = await started()
  const pushes = Array.from({ length: 300 }, (_, i) => a.push({ body: `x ${i}\n` }))
  await Promise.all(pushes)
  expect(await a.pushed()).toBe('x{instance="",job="j"} 299')
  expect(a.store.pending()).toEqual({ requests: 0, bytes: 0 })
})

test('two pushes with one id are applied once, whichever gateways they reach', async () => {
  const [a, b] = await Promise.all([started(), started()])
  const id = Buffer.alloc(16, 'id')
  const add = { method: 'accumulate', body: '# TYPE c counter\nc 1\n', id } as const
  const outcomes = await Promise.all([a.push(add), b.push(add), a.push(add), b.push(add)])
  expect(outcomes).toEqual(outcomes.map(() => ({ kind: 'done' })))
  const other = await b.push({ ...add, body: '# TYPE c counter\nc 2\n' })
  expect(other).toEqual({ kind: 'id_reused' })
  expect(await b.pushed()).toBe('c{instance="",job="j"} 1')
})

test('an inconsistent push is refused by the state machine, with its message', async () => {
  const a = await started()
  await a.push({ group: { job: 'a' }, body: '# TYPE x counter\nx 1\n' })
  const refused = await a.push({ group: { job: 'b' }, body: '# TYPE x gauge\nx 1\n' })
  expect(refused).toMatchObject({ kind: 'inconsistent' })
  expect(await a.push({ group: { job: 'b' }, body: '# TYPE y gauge\ny 1\n' })).toEqual({
    kind: 'done',
  })
})

test('a planned stop leaves a snapshot, from which the next start goes on', async () => {
  const a = await started()
  for (let i = 0; i < 20; i++) await a.push({ group: { job: `j${i}` }, body: `x ${i}\n` })
  const before = await a.text()
  await a.stop()
  expect(a.store.figures.snapshotsWritten).toBe(1)
  const b = await started()
  expect(b.store.figures).toMatchObject({ snapshotsLoaded: 1, gaps: 0 })
  // Its own tick alone.
  expect(b.store.figures.recordsApplied).toBe(1)
  expect(await b.text()).toBe(before)
  const progress = () => b.store.progress()!
  await eventually(async () => expect(progress()).toMatchObject({ lagRecords: 0, lagSeconds: 0 }))
  const { topic, appliedOffset, snapshot } = progress()
  expect(topic).toBe(topics.pushes)
  expect(snapshot).toMatchObject({ offset: appliedOffset, bytes: expect.any(Number) })
})

test('a snapshot is written once the log has grown, and what lies below the second is removed', async () => {
  const a = await started({ settings: { snapshotBytes: 20_000, upkeepInterval: 200 } })
  let pushed = 0
  await eventually(async () => {
    const body = `x{l="${'v'.repeat(2_000)}"} ${++pushed}\n`
    await a.push({ group: { job: `j${pushed % 7}` }, body })
    expect(a.store.figures.snapshotsWritten).toBeGreaterThanOrEqual(3)
  })
  await eventually(async () => {
    expect((await endsOf(topics.pushes)).begin).toBeGreaterThan(0)
    expect((await endsOf(topics.snapshots)).begin).toBeGreaterThan(0)
  })
  const b = await started()
  expect(await b.text()).toBe(await a.text())
  expect(b.store.figures).toMatchObject({ snapshotsLoaded: 1, gaps: 0 })
})

test('log time goes on while nobody pushes: what is due expires everywhere', async () => {
  const settings = { tickAfter: 300 }
  const [a, b] = await Promise.all([started({ settings }), started({ settings })])
  await a.push({ group: { job: 'stays' }, body: 'y 1\n' })
  await eventually(async () => {
    // On a busy machine it may expire before it is read.
    await a.push({ body: 'x 1\n', expiryMs: 1_000 })
    expect(await b.pushed()).toContain('x{')
  })
  await eventually(async () => expect(await a.pushed()).toBe('y{instance="",job="stays"} 1'))
  await eventually(async () => expect(await b.pushed()).toBe('y{instance="",job="stays"} 1'))
  // Not only hidden: a tick has removed it.
  await eventually(() => {
    expect(a.store.held().groups).toBe(1)
    expect(b.store.held().groups).toBe(1)
  })
})

test('what expired while no gateway ran is not served by the next one', async () => {
  const a = await started()
  await a.push({ body: 'x 1\n', expiryMs: 200 })
  await a.push({ group: { job: 'stays' }, body: 'y 1\n' })
  await a.stop()
  const expired = Date.now() + 200
  await eventually(() => expect(Date.now()).toBeGreaterThan(expired))
  const b = await started()
  expect(await b.pushed()).toBe('y{instance="",job="stays"} 1')
  expect(b.store.held().groups).toBe(1)
})

test('a stop ends a start that waits for brokers, and every call rejects after it', async () => {
  const a = newStore({ kafka: { brokers: ['127.0.0.1:1'] } })
  await a.store.start()
  await eventually(() => expect(a.store.trouble()).toMatch(/nothing listens at 127.0.0.1:1/))
  await a.stop()
  await expect(a.push({ body: 'x 1\n' })).rejects.toMatchObject({ name: 'StoreUnavailable' })
  await expect(a.store.read()).rejects.toMatchObject({ name: 'StoreUnavailable' })
})

test('requests in progress have their result before a stop ends', async () => {
  const a = await started()
  const pushes = Array.from({ length: 50 }, (_, i) => a.push({ body: `x ${i}\n` }))
  await a.stop()
  expect(new Set((await Promise.all(pushes)).map(({ kind }) => kind))).toEqual(new Set(['done']))
  const b = await started()
  expect(await b.pushed()).toBe('x{instance="",job="j"} 49')
})

test('a gateway waits for missing topics and says which command creates them', async () => {
  topics = { pushes: name('absent'), snapshots: name('absent') }
  const a = newStore()
  await a.store.start()
  await eventually(() => {
    expect(a.store.trouble()).toMatch(/does not exist.*kafka-exposer topic create --for=gateway/)
  })
  await expect(a.push({ body: 'x 1\n' })).rejects.toMatchObject({
    name: 'StoreUnavailable',
    maybeApplied: false,
  })
  await createPushTopics(topics)
  await eventually(() => expect(a.store.trouble()).toBeUndefined())
  expect(await a.push({ body: 'x 1\n' })).toEqual({ kind: 'done' })
})

test('a malformed record is counted and skipped by every gateway alike', async () => {
  const [a, b] = await Promise.all([started(), started()])
  await a.push({ body: 'x 1\n' })
  await appendRaw(topics.pushes, [
    Buffer.from('no record'),
    Buffer.alloc(0),
    Buffer.alloc(200_000, 7),
  ])
  await b.push({ method: 'post', body: 'y 1\n' })
  await eventually(async () => {
    expect(a.store.figures.recordsMalformed).toBe(3)
    expect(await a.text()).toBe(await b.text())
  })
  expect(b.store.figures.recordsMalformed).toBe(3)
  await a.stop()
  const c = await started()
  expect(await c.text()).toBe(await b.text())
})

/** A record of a later version. */
function newerRequest(version: number): Buffer {
  const record = encodeRequest(requestOf({ body: 'x 1\n' }))
  record[3] = version
  return sealed(record)
}

test.each([
  ['pushes', () => newerRequest(9)],
  ['snapshots', () => newerChunk(9)],
] as const)(
  'a record of a newer version in the topic of %s stops the gateway with a message',
  async (topic, record) => {
    const a = await started()
    await a.push({ body: 'x 1\n' })
    await appendRaw(topics[topic], [record()])
    await eventually(() => expect(a.store.trouble()).toMatch(/version 9.*start a newer version/))
    await expect(a.push({ body: 'x 2\n' })).rejects.toMatchObject({ maybeApplied: false })
    await expect(a.store.read()).rejects.toThrow(/version 9/)
    const b = newStore()
    await b.store.start()
    await eventually(() => expect(b.store.trouble()).toMatch(/version 9/))
  },
)
