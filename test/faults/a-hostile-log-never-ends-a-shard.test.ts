import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { SHAPES } from '../support/hostile-records.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { Fleet, publishedIn, ShardChild, targetPath } from '../support/shards.js'

const shards: ShardChild[] = []
afterEach(async () => {
  for (const shard of shards.splice(0)) await shard.end()
})

/** Of several, one could fill the memory before the targets of another are read at all. */
const PARTITIONS = 1
/** Records of each shape: together several times the memory of the shard. */
const HOSTILE: Readonly<Record<string, number>> = {
  'families of many names': 60,
  helps: 60,
  'label names': 60,
  'target labels': 200,
  exemplars: 40,
  'parts that are never complete': 200,
}

async function appendHostile(topic: string): Promise<void> {
  const sender = newSender(topic)
  let n = 0
  for (const [shape, count] of Object.entries(HOSTILE)) {
    const at = { time: Date.now(), sequence: 0, partitions: PARTITIONS }
    const records = Array.from({ length: count }, () => SHAPES[shape](n++, at))
    await Promise.all(records.map(({ key, value }) => sender.send(key, [value])))
  }
  await sender.disconnect()
}

async function startShard(topic: string, group: string): Promise<ShardChild> {
  const nodeOptions = ['--max-old-space-size=96']
  const shard = await ShardChild.start({ topic, group, nodeOptions })
  shards.push(shard)
  return shard
}

async function telemetry({ url }: ShardChild): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/telemetry`)).text()
  return new Map(
    [...text.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)].map(([, series, value]) => [
      series,
      Number(value),
    ]),
  )
}

test('a shard that reads a log of hostile records refuses what its heap cannot hold, after each restart, and serves its other targets', async () => {
  const topic = await newTopic(PARTITIONS)
  const group = name('group')
  const fleet = new Fleet(topic, 5)
  await fleet.publish()
  await appendHostile(topic)
  for (let starts = 0; starts < 2; starts++) {
    const shard = await startShard(topic, group)
    for (const app of fleet.apps) {
      await eventually(async () => {
        expect(shard.running).toBe(true)
        const response = await fetch(`${shard.url}${targetPath(app)}`)
        expect([response.status, publishedIn(await response.text())]).toEqual([200, fleet.round])
      })
    }
    const metrics = await telemetry(shard)
    expect(metrics.get('exposer_records_rejected_total{reason="limit"}')).toBeGreaterThan(50)
    expect(metrics.get('exposer_bytes')).toBeLessThanOrEqual(
      1.1 * metrics.get('exposer_memory_limit_bytes')!,
    )
    // What is up goes on with the next snapshots, and with a scrape of all targets.
    await fleet.publish()
    await appendHostile(topic)
    for (const app of fleet.apps) {
      await eventually(async () => {
        const response = await fetch(`${shard.url}${targetPath(app)}`)
        expect([response.status, publishedIn(await response.text())]).toEqual([200, fleet.round])
      })
    }
    const massive = await fetch(`${shard.url}/metrics`)
    expect(massive.status).toBe(200)
    expect(await massive.text()).toContain(
      `published_total{instance="app-0",job="shop"} ${fleet.round}`,
    )
    expect(shard.running).toBe(true)
    await shard.end('SIGKILL')
  }
  await fleet.stop()
})
