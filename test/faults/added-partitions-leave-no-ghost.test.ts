import kafkajs from 'kafkajs'
import { afterEach, expect, inject, test } from 'vitest'
import type { Exposer } from '../../exposer/server/exposer.js'
import { partitionFor } from '../../shared/base/murmur2.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { FakeApp } from '../support/records.js'
import { startShard } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'

const APPS = 11
const BEFORE = 2
const AFTER = 5

const shards: Exposer[] = []
const apps: SteadyApp[] = []
const { Kafka, logLevel, CompressionTypes } = kafkajs
const kafka = () => new Kafka({ brokers: inject('brokers'), logLevel: logLevel.NOTHING })

afterEach(async () => {
  await Promise.all(apps.map(app => app.stop()))
  await Promise.all(shards.map(shard => shard.stop()))
})

/** Instances in the service discovery of a shard; null while the list is incomplete. */
async function discovered(shard: Exposer): Promise<string[] | null> {
  const response = await fetch(`${shard.url}/sd`)
  if (response.status === 503) return null
  const list = (await response.json()) as { labels: { instance: string } }[]
  return list.map(({ labels }) => labels.instance).sort()
}

/** `up` of each instance in the massive views of all shards. */
async function ups(): Promise<string[]> {
  const pages = await Promise.all(
    shards.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
  )
  return pages
    .flatMap(page => [...page.matchAll(/^up\{.*instance="([^"]+)".*\} (\d)$/gm)])
    .map(([, instance, up]) => `${instance} ${up}`)
    .sort()
}

/** The partition of each target in the list of a shard. */
async function partitionsOf(shard: Exposer): Promise<Record<string, number>> {
  const { data } = (await (await fetch(`${shard.url}/api/v1/targets`)).json()) as {
    data: { targets: { labels: { instance: string }; partition: number }[] }
  }
  return Object.fromEntries(
    data.targets.map(({ labels, partition }) => [labels.instance, partition]),
  )
}

test('after partitions were added, each target is listed once and up once, also with a publisher that does not know them yet', async () => {
  const settings = { topic: await newTopic(BEFORE), group: name('ghosts') }
  shards.push(await startShard(settings), await startShard(settings))
  for (let i = 0; i < APPS; i++) {
    const labels = { job: 'shop', instance: `app-${i}` }
    apps.push(new SteadyApp(newSender(settings.topic), { labels }).start())
  }
  const instances = apps.map(app => app.labels.instance).sort()
  const expectWhole = async () => {
    for (const shard of shards) expect(await discovered(shard)).toEqual(instances)
    expect(await ups()).toEqual(instances.map(instance => `${instance} 1`))
  }
  await eventually(expectWhole)

  const admin = kafka().admin()
  await admin.connect()
  await admin.createPartitions({ topicPartitions: [{ topic: settings.topic, count: AFTER }] })
  await admin.disconnect()
  const moved = apps.filter(({ labels }) => {
    const app = new FakeApp({ labels })
    return app.partition(BEFORE) !== app.partition(AFTER)
  })
  expect(moved.length).toBeGreaterThan(3)
  const twice: string[][] = []
  const settle = async () => {
    for (const shard of shards) {
      const list = await discovered(shard)
      if (list && new Set(list).size < list.length) twice.push(list)
    }
    const wanted = apps.map(({ labels }) => [
      labels.instance,
      new FakeApp({ labels }).partition(AFTER),
    ])
    expect(await partitionsOf(shards[0])).toEqual(Object.fromEntries(wanted))
    await expectWhole()
  }
  await eventually(settle, 100_000, 300)
  expect(twice).toEqual([])

  // A publisher that still has the old number of partitions.
  const late = new FakeApp({ labels: moved[0].labels, incarnation: 1000 })
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({
    topic: settings.topic,
    compression: CompressionTypes.None,
    messages: late
      .records({ exposition: '# TYPE x gauge\nx 1\n', collectedAt: Date.now() })
      .map(({ value }) => ({ key: late.key, value, partition: partitionFor(late.key, BEFORE) })),
  })
  await producer.disconnect()
  const refused = async () => {
    const pages = await Promise.all(
      shards.map(async ({ url }) => (await fetch(`${url}/telemetry`)).text()),
    )
    return pages.some(page => /rejected_total\{reason="partition"\} [1-9]/.test(page))
  }
  await eventually(async () => expect(await refused()).toBe(true))
  // Repeated, because an app may be late on a busy machine. A ghost would be listed for minutes.
  await eventually(expectWhole)
})
