import kafkajs from 'kafkajs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { deleteBelow } from '../../shared/kafka/log/ends.js'
import { Cluster } from '../../shared/kafka/wire/cluster.js'
import { eventually } from '../support/eventually.js'
import { silent } from '../support/kafka.js'
import {
  createPushTopics,
  newPushTopics,
  type PushTopics,
  TestStore,
} from '../support/push-stores.js'

const admin = new kafkajs.Kafka({
  brokers: inject('brokers'),
  logLevel: kafkajs.logLevel.NOTHING,
}).admin()
let cluster: Cluster
let topics: PushTopics
const stores: TestStore[] = []
beforeAll(async () => {
  await admin.connect()
  cluster = new Cluster({ brokers: inject('brokers') }, silent)
})
beforeEach(async () => {
  topics = await newPushTopics()
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.stop()))
})
afterAll(async () => {
  cluster.close()
  await admin.disconnect()
})

const NO_SNAPSHOT = { upkeepInterval: 600_000 }

function newStore(options: Partial<ConstructorParameters<typeof TestStore>[0]> = {}): TestStore {
  const store = new TestStore({ topics, ...options })
  stores.push(store)
  return store
}

async function recreate(...names: string[]): Promise<void> {
  await admin.deleteTopics({ topics: names })
  await eventually(async () => {
    const present = await admin.listTopics()
    expect(present.filter(topic => names.includes(topic))).toEqual([])
  })
  await eventually(() => createPushTopics(topics))
}

/** A snapshot of one push group, and a log that goes on after it. */
async function history(): Promise<string> {
  const first = await newStore().start()
  await first.push({ group: { job: 'kept' }, body: 'x 1\n' })
  await first.stop()
  const second = await newStore({ settings: NO_SNAPSHOT }).start()
  await second.push({ group: { job: 'log' }, body: 'x 2\n' })
  const text = await second.text()
  return text
}

async function expectGap(reason: RegExp): Promise<TestStore> {
  const gateway = newStore()
  await gateway.store.start()
  await eventually(() => {
    expect(gateway.store.trouble()).toMatch(reason)
    expect(gateway.store.trouble()).toContain('--log.accept-gap')
  })
  expect(gateway.store.figures).toMatchObject({ gaps: 1, snapshotsWritten: 0 })
  await expect(gateway.push({ body: 'y 1\n' })).rejects.toMatchObject({ maybeApplied: false })
  await expect(gateway.store.read()).rejects.toThrow(/gap/)
  expect(gateway.logger.lines.join('\n')).toMatch(/error The log has a gap/)
  return gateway
}

test('when the log was created again, running gateways and new ones are not ready until the gap is accepted', async () => {
  await history()
  const running = stores[1]
  await recreate(topics.pushes)
  await eventually(() => expect(running.store.trouble()).toMatch(/the log ends at offset 0/))
  const waiting = await expectGap(/the log ends at offset 0/)
  const accepting = await newStore({ acceptGap: true }).start()
  expect(await accepting.pushed()).toBe('x{instance="",job="kept"} 1')
  await accepting.push({ group: { job: 'new' }, body: 'x 3\n' })
  // Its snapshot takes the place of those of the old log, and the others go on from it.
  const after = 'x{instance="",job="kept"} 1\nx{instance="",job="new"} 3'
  await eventually(async () => {
    expect(accepting.store.figures.snapshotsWritten).toBeGreaterThan(0)
    for (const store of [running, waiting]) expect(await store.pushed()).toBe(after)
  })
  await Promise.all([running, waiting, accepting].map(store => store.stop()))
  const next = await newStore().start()
  expect(await next.pushed()).toBe(after)
  expect(next.store.figures.gaps).toBe(0)
})

test('a log that was created again and has as many records is not taken for the old one', async () => {
  await history()
  await Promise.all(stores.map(store => store.stop()))
  await recreate(topics.pushes)
  const { snapshots } = topics
  // Another snapshot topic, so that the log can grow.
  topics = { ...topics, snapshots: `${snapshots}-other` }
  await createPushTopics(topics)
  const other = await newStore().start()
  for (let i = 0; i < 20; i++) await other.push({ body: `z ${i}\n` })
  await other.stop()
  topics = { ...topics, snapshots }
  await expectGap(/the log has another record before it/)
})

test('a log whose records were deleted after the newest snapshot has a gap', async () => {
  await history()
  await deleteBelow(cluster, topics.pushes, 3)
  await expectGap(/the log begins at offset 3/)
})

test('without a snapshot, a log that does not begin at its first record has a gap', async () => {
  const gateway = await newStore({ settings: NO_SNAPSHOT }).start()
  await gateway.push({ body: 'x 1\n' })
  await deleteBelow(cluster, topics.pushes, 1)
  await expectGap(/there is no snapshot, but the log begins at offset 1/)
})

test('a running gateway that sees the log begin after the newest snapshot writes one at once', async () => {
  const gateway = await newStore().start()
  for (let i = 0; i < 5; i++) await gateway.push({ body: `x ${i}\n` })
  expect(gateway.store.figures.snapshotsWritten).toBe(0)
  await deleteBelow(cluster, topics.pushes, 4)
  await eventually(() => expect(gateway.store.figures.snapshotsWritten).toBe(1))
  const next = await newStore().start()
  expect(await next.text()).toBe(await gateway.text())
  expect(next.store.figures.gaps).toBe(0)
})
