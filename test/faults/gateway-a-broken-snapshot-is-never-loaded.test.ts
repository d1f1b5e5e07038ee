import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { encodeChunk, readChunk } from '../../gateway/store/kafka/snapshots/chunk.js'
import { systemClock } from '../../shared/base/clock.js'
import { logEnds } from '../../shared/kafka/log/ends.js'
import { readLog } from '../../shared/kafka/log/follow.js'
import { Cluster } from '../../shared/kafka/wire/cluster.js'
import { silent } from '../support/kafka.js'
import { appendRaw, newPushTopics, type PushTopics, TestStore } from '../support/push-stores.js'

let topics: PushTopics
const stores: TestStore[] = []
beforeEach(async () => {
  topics = await newPushTopics()
})
afterEach(async () => {
  await Promise.all(stores.splice(0).map(store => store.stop()))
})

async function started(): Promise<TestStore> {
  const store = new TestStore({ topics })
  stores.push(store)
  return store.start()
}

/** Enough for a snapshot of several chunks. */
async function fill(store: TestStore, value: number): Promise<void> {
  const lines = Array.from(
    { length: 100 },
    (_, i) => `x{l="${i}",p="${'p'.repeat(4_000)}"} ${value}`,
  )
  for (let i = 0; i < 9; i++)
    await store.push({ group: { job: `j${i}` }, body: `${lines.join('\n')}\n` })
}

async function chunks(): Promise<Buffer[]> {
  const cluster = new Cluster({ brokers: inject('brokers') }, silent)
  const log = { cluster, topic: topics.snapshots, clock: systemClock, logger: silent }
  const found: Buffer[] = []
  try {
    const { begin, end } = await logEnds(cluster, topics.snapshots)
    await readLog(
      log,
      { from: begin, until: end },
      records => void found.push(...records.map(({ value }) => Buffer.from(value!))),
      { signal: new AbortController().signal, onError() {} },
    )
  } finally {
    cluster.close()
  }
  return found
}

test('a snapshot that was cut off or has a wrong byte is ignored, and the one before it is loaded', async () => {
  const first = await started()
  await fill(first, 1)
  await first.stop()
  const good = await chunks()
  expect(good.length).toBeGreaterThan(2)
  const second = await started()
  await fill(second, 2)
  const text = await second.text()
  await second.stop()
  const newer = (await chunks()).slice(good.length)
  expect(newer.length).toBeGreaterThan(2)

  // The same snapshots in another topic, the newer one broken in several ways.
  const damaged = Buffer.from(newer[1])
  damaged[damaged.length - 1] ^= 1
  const cutOff = newer.slice(0, -1)
  const withoutMiddle = [newer[0], ...newer.slice(2)]
  const corrupted = [newer[0], damaged, ...newer.slice(2)]
  const strange = [Buffer.from('no chunk'), Buffer.alloc(0)]
  const { pushes } = topics
  const broken = { cutOff, withoutMiddle, corrupted, strange }
  for (const [kind, records] of Object.entries(broken)) {
    const { snapshots } = await newPushTopics()
    topics = { pushes, snapshots }
    await appendRaw(snapshots, [...good, ...records])
    const store = new TestStore({ topics, settings: { upkeepInterval: 600_000 } })
    stores.push(store)
    await store.start()
    expect({ kind, text: await store.text() }).toEqual({ kind, text })
    const { snapshotsLoaded, gaps, chunksMalformed } = store.store.figures
    expect({ kind, snapshotsLoaded, gaps }).toEqual({ kind, snapshotsLoaded: 1, gaps: 0 })
    expect(chunksMalformed > 0).toBe(kind === 'corrupted' || kind === 'strange')
  }
})

test('snapshots whose chunks are mixed and repeated are loaded as a whole', async () => {
  const first = await started()
  await fill(first, 1)
  await first.stop()
  const older = await chunks()
  const second = await started()
  await fill(second, 2)
  const text = await second.text()
  await second.stop()
  const newer = (await chunks()).slice(older.length)
  const mixed = newer.flatMap((chunk, i) => [chunk, ...older.slice(i, i + 1), chunk])
  const { snapshots } = await newPushTopics()
  topics = { ...topics, snapshots }
  await appendRaw(snapshots, [...mixed, ...older.slice(newer.length)])
  const third = await started()
  expect(await third.text()).toBe(text)
  const read = readChunk(newer[0])
  const offset = read.kind === 'chunk' ? read.chunk.header.offset : Number.NaN
  // From the newer snapshot: what it applied is its own tick.
  expect(third.store.figures).toMatchObject({ recordsApplied: 1, appliedOffset: offset })
})

test('a snapshot with right checksums that is no state is given up for the one before it', async () => {
  const first = await started()
  await fill(first, 1)
  await first.stop()
  const good = await chunks()
  const second = await started()
  await second.push({ group: { job: 'later' }, body: 'y 1\n' })
  const text = await second.text()
  await second.stop()
  const newer = (await chunks()).slice(good.length).map(readChunk)
  const [read] = newer
  if (read.kind !== 'chunk') throw new Error(read.kind)
  const bad = encodeChunk({
    ...read.chunk,
    chunks: 1,
    continues: false,
    body: Buffer.from('no state'),
  })
  const { snapshots } = await newPushTopics()
  topics = { ...topics, snapshots }
  await appendRaw(snapshots, [...good, bad])
  const third = await started()
  expect(await third.text()).toBe(text)
  expect(third.logger.lines.join('\n')).toMatch(/error A snapshot cannot be loaded/)
})
