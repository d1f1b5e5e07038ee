import kafkajs from 'kafkajs'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import type { LedgerEntry } from '../../exposer/core/ledger.js'
import { createPublisher } from '../../producer/index.js'
import type { Sender } from '../../shared/kafka/sender.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, silent } from '../support/kafka.js'
import { readLedger } from '../support/ledger.js'
import { FakeApp, type SnapshotOptions } from '../support/records.js'
import { ShardChild, startShard, targetPath } from '../support/shards.js'

const PARTITIONS = 4
const NOTHING = { published: 0, written: 0, superseded: 0, pending: 0, missed: 0, dropped: {} }
/** Long, so that no target becomes stale. */
const intervalMs = 60_000

let settings: { topic: string; group: string }
let sender: Sender
const cleanups: (() => Promise<unknown>)[] = []
let clock = 0

beforeEach(async () => {
  settings = { topic: await newTopic(PARTITIONS), group: name('ledger') }
  sender = newSender(settings.topic)
  cleanups.push(() => sender.disconnect())
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const appOf = (instance: string, incarnation = 1000) =>
  new FakeApp({ labels: { job: 'shop', instance }, intervalMs, incarnation })

/** Publishes a snapshot. @returns a function that sends the same records again */
async function publish(
  app: FakeApp,
  options: Partial<SnapshotOptions> = {},
): Promise<() => Promise<void>> {
  clock = Math.max(clock + 1, Date.now())
  const records = app.records({
    exposition: '# TYPE x gauge\nx 1\n',
    collectedAt: clock,
    ...options,
  })
  const values = records.map(record => record.value!)
  const deliver = () => sender.send(app.key, values)
  await deliver()
  return deliver
}

async function newShard(): Promise<string> {
  const shard = await startShard(settings)
  cleanups.push(() => shard.stop())
  await isReady(shard.url)
  return shard.url
}

const isReady = (url: string) =>
  eventually(async () => expect((await fetch(`${url}/-/ready`)).status).toBe(200))

/** Waits until the total of the ledger is exactly this. Terms that are left out are 0. */
const expectTotal = (url: string, wanted: Partial<LedgerEntry>) =>
  eventually(async () => expect((await readLedger(url)).total).toEqual({ ...NOTHING, ...wanted }))

const scrape = async (url: string, app: FakeApp) =>
  expect((await fetch(url + targetPath(app))).status).toBe(200)

async function refused(url: string, reason: string): Promise<number> {
  const text = await (await fetch(`${url}/telemetry`)).text()
  return Number(
    new RegExp(`^exposer_records_rejected_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(
      text,
    )?.[1] ?? 0,
  )
}

describe('an app that restarts', () => {
  test('starts a new run at sequence 0: no snapshot is missed, whatever the last sequence was', async () => {
    const url = await newShard()
    const before = appOf('a', 1000)
    await publish(before, { sequence: 41, superseded: 7 })
    await expectTotal(url, { published: 1, pending: 1 })
    await scrape(url, before)
    await publish(before)
    const after = appOf('a', 2000)
    await publish(after)
    await expectTotal(url, { published: 3, written: 1, pending: 1, dropped: { unscraped: 1 } })
    await scrape(url, after)
    await publish(after)
    await expectTotal(url, { published: 4, written: 2, pending: 1, dropped: { unscraped: 1 } })
  })

  test('after an outage of its brokers: replaced snapshots are superseded, lost sends are missed', async () => {
    const url = await newShard()
    await publish(appOf('a', 1000))
    await publish(appOf('a', 2000), { sequence: 5, superseded: 3 })
    await expectTotal(url, {
      published: 7,
      superseded: 3,
      missed: 2,
      pending: 1,
      dropped: { unscraped: 1 },
    })
  })

  test('with a real publisher: the published snapshots are the records in the log, of both runs', async () => {
    const url = await newShard()
    const run = async (until: number) => {
      const publisher = createPublisher({
        register: new Registry(),
        brokers: inject('brokers'),
        topic: settings.topic,
        job: 'shop',
        instance: 'real',
        interval: '1s',
        logger: silent,
      })
      cleanups.push(() => publisher.stop(0))
      await publisher.start()
      await eventually(async () =>
        expect((await readLedger(url)).total.published).toBeGreaterThan(until),
      )
      // Long, so that the end of the run is written on a busy machine too.
      await publisher.stop(60_000)
    }
    await run(1)
    const ofFirst = await written()
    await run(ofFirst + 1)
    expect(await written()).toBeGreaterThan(ofFirst + 1)
    const published = await written()
    await expectTotal(url, { published, pending: 1, dropped: { unscraped: published - 1 } })
  })
})

test('a duplicate record is counted once, also after a newer record', async () => {
  const url = await newShard()
  const app = appOf('a')
  const first = await publish(app)
  await first()
  await eventually(async () => expect(await refused(url, 'order')).toBe(1))
  await expectTotal(url, { published: 1, pending: 1 })
  await scrape(url, app)
  const second = await publish(app)
  await first()
  await second()
  await eventually(async () => expect(await refused(url, 'order')).toBe(3))
  await expectTotal(url, { published: 2, written: 1, pending: 1 })
  await publish(app)
  await expectTotal(url, { published: 3, written: 1, pending: 1, dropped: { unscraped: 1 } })
})

test('records that retention deleted before the shard read them are missed, each once, and no others', async () => {
  // The suspended shard must stay in its group.
  const shard = await ShardChild.start({ ...settings, sessionTimeout: 60_000 })
  cleanups.push(() => shard.end())
  await isReady(shard.url)
  const [app, neighbour] = onDifferentPartitions()
  await publish(app)
  await publish(neighbour)
  await expectTotal(shard.url, { published: 2, pending: 2 })
  await scrape(shard.url, app)

  shard.signal('SIGSTOP')
  // These records complete the fetch in flight, so that no fetch can return the following ones.
  await publish(neighbour)
  await publish(neighbour)
  for (let lost = 0; lost < 3; lost++) await publish(app)
  await deleteRecords(app.partition(PARTITIONS), 4)
  await publish(app)
  shard.signal('SIGCONT')

  const total = { published: 8, written: 1, missed: 3, pending: 2, dropped: { unscraped: 2 } }
  await expectTotal(shard.url, total)
  const { targets } = await readLedger(shard.url)
  const missed = targets.map(({ labels, missed }) => [labels.instance, missed])
  expect(Object.fromEntries(missed)).toEqual({ [instanceOf(app)]: 3, [instanceOf(neighbour)]: 0 })
  await publish(app)
  await expectTotal(shard.url, { ...total, published: 9, dropped: { unscraped: 3 } })
})

test('after a rebalance each snapshot is counted by exactly one shard, and none is missed', async () => {
  const apps = Array.from({ length: 12 }, (_, i) => appOf(`app-${i}`))
  const round = async () => {
    for (const app of apps) await publish(app)
  }
  const first = await newShard()
  await round()
  await round()
  await expectTotal(first, { published: 24, pending: 12, dropped: { unscraped: 12 } })
  for (const app of apps.slice(0, 6)) await scrape(first, app)
  await expectTotal(first, { published: 24, written: 6, pending: 6, dropped: { unscraped: 12 } })

  const second = await newShard()
  const owned = await eventually(async () => {
    const labels = (await readLedger(second)).targets.map(target => target.labels.instance)
    expect(labels.length).toBeGreaterThan(0)
    expect((await readLedger(first)).targets).toHaveLength(apps.length - labels.length)
    return new Set(labels)
  })
  // Snapshots of targets that have left the first shard are dropped there, unless they were
  // scraped.
  const moved = apps.slice(6).filter(app => owned.has(instanceOf(app))).length
  const left = { published: 24, written: 6, pending: 6 - moved }
  await expectTotal(first, { ...left, dropped: { unscraped: 12, ...(moved && { moved }) } })
  // Replayed snapshots are counted by the previous owner.
  await expectTotal(second, {})

  await round()
  const [ofFirst, ofSecond] = await eventually(async () => {
    const totals = [(await readLedger(first)).total, (await readLedger(second)).total] as const
    expect(totals[0].published + totals[1].published).toBe(36)
    return totals
  })
  expect([ofFirst.missed, ofSecond.missed]).toEqual([0, 0])
  expect(ofSecond).toMatchObject({ published: owned.size, pending: owned.size, dropped: {} })
})

const instanceOf = (app: FakeApp) => app.labels.find(label => label.name === 'instance')!.value

function onDifferentPartitions(): [FakeApp, FakeApp] {
  const [one, ...others] = Array.from({ length: 20 }, (_, i) => appOf(`app-${i}`))
  const other = others.find(app => app.partition(PARTITIONS) !== one.partition(PARTITIONS))
  return [one, other!]
}

/** Number of records in the topic, from the brokers. */
const written = () =>
  administer(async admin => {
    const offsets = await admin.fetchTopicOffsets(settings.topic)
    return offsets.reduce((sum, { offset }) => sum + Number(offset), 0)
  })

/** Deletes the records below the offset, as retention does. */
const deleteRecords = (partition: number, offset: number) =>
  administer(async admin => {
    const { topic } = settings
    // The next call needs the metadata that this one caches.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] })
  })

async function administer<T>(work: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const { Kafka, logLevel } = kafkajs
  const admin = new Kafka({ brokers: inject('brokers'), logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}
