import { afterEach, expect, inject, test } from 'vitest'
import type { Exposer } from '../../exposer/server/exposer.js'
import { Publisher } from '../../gateway/publish/publisher.js'
import { systemClock } from '../../shared/base/clock.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic } from '../support/kafka.js'
import { newPushTopics, type PushTopics, TestStore } from '../support/push-stores.js'
import { startShard } from '../support/shards.js'

const INTERVAL_MS = 1000
const quiet = () => {}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function startGateway(topics: PushTopics, topic: string, group: string) {
  const store = await new TestStore({ topics, publishing: true }).start()
  const publisher = new Publisher({
    kafka: { brokers: inject('brokers') },
    topic,
    log: topics.pushes,
    group,
    intervalMs: INTERVAL_MS,
    maxBytes: 1e8,
    clock: systemClock,
    logger,
    current: () => store.store.current(),
  })
  await publisher.start()
  const stop = async () => {
    await publisher.stop()
    await store.stop()
  }
  stops.push(stop)
  return { store, publisher, stop }
}

async function scrape(shard: Exposer, labels: Record<string, string>) {
  const response = await fetch(`${shard.url}/target?${new URLSearchParams(labels)}`)
  return { status: response.status, text: await response.text() }
}

test('push groups are virtual targets, another gateway goes on, and a delete ends them', async () => {
  const topic = await newTopic(2)
  const topics = await newPushTopics()
  const group = name('publish')
  const shard = await startShard({ topic, group: name('exposers') }, { playoutDelay: 0 })
  stops.push(() => shard.stop())
  const first = await startGateway(topics, topic, group)
  const labels = { job: 'backup', instance: 'db-1' }
  const body = '# HELP size_bytes Size.\n# TYPE size_bytes gauge\nsize_bytes{disk="a"} 5\n'
  await first.store.push({ group: labels, body })
  await eventually(async () => {
    const { status, text } = await scrape(shard, labels)
    expect(status, text).toBe(200)
    expect(text).toContain(
      '# HELP size_bytes Size.\n# TYPE size_bytes gauge\nsize_bytes{disk="a"} 5\n',
    )
    expect(text).toMatch(/^push_time_seconds 1\d{9}(\.\d+)?$/m)
  })
  expect(first.publisher.isOwner).toBe(true)

  const second = await startGateway(topics, topic, group)
  stops.splice(stops.indexOf(first.stop), 1)
  await first.stop()
  await eventually(() => expect(second.publisher.isOwner).toBe(true))
  await second.store.push({ group: labels, body: body.replace('} 5', '} 6') })
  await eventually(async () => {
    const { status, text } = await scrape(shard, labels)
    expect(status, text).toBe(200)
    expect(text).toContain('size_bytes{disk="a"} 6\n')
  })
  expect(second.publisher.figures).toMatchObject({ targets: 1, unpublishable: 0, refused: 0 })

  await second.store.push({ method: 'delete', group: labels })
  await eventually(async () => {
    expect(await scrape(shard, labels)).toMatchObject({ status: 200, text: '' })
  })
  // A relayed run may go on after its end.
  await second.store.push({ group: labels, body })
  await eventually(async () => {
    const { status, text } = await scrape(shard, labels)
    expect(status, text).toBe(200)
    expect(text).toContain('size_bytes{disk="a"} 5\n')
  })
})
