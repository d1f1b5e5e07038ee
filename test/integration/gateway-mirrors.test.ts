import { afterEach, expect, inject, test } from 'vitest'
import type { Exposer } from '../../exposer/server/exposer.js'
import { Mirrors } from '../../gateway/mirrors/mirrors.js'
import { systemClock } from '../../shared/base/clock.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, silent } from '../support/kafka.js'
import { startShard } from '../support/shards.js'
import { WrittenScrapes } from '../support/written-scrapes.js'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

interface Topics {
  readonly writes: string
  readonly snapshots: string
  readonly group: string
}

async function startMirrors(topics: Topics, options: { readonly lookbackMs?: number } = {}) {
  const mirrors = new Mirrors({
    kafka: { brokers: inject('brokers') },
    ...topics,
    lookbackMs: 60_000,
    assemblyMs: 1_000,
    intervalMs: 1_000,
    maxBytes: 1e8,
    memory: () => 1e8,
    clock: systemClock,
    logger: silent,
    sessionTimeout: 6_000,
    ...options,
  })
  await mirrors.start()
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= mirrors.stop()
    return stopped
  }
  stops.push(stop)
  return { mirrors, stop }
}

async function prepare() {
  const topics = {
    writes: await newTopic(2),
    snapshots: await newTopic(2),
    group: name('mirrors'),
  }
  const shard = await startShard(
    { topic: topics.snapshots, group: name('exposers') },
    { playoutDelay: 0 },
  )
  stops.push(() => shard.stop())
  const sender = newSender(topics.writes)
  stops.push(() => sender.disconnect())
  return { topics, shard, sender }
}

async function scrape(shard: Exposer, labels: Record<string, string>) {
  const response = await fetch(`${shard.url}/target?${new URLSearchParams(labels)}`)
  return { status: response.status, text: await response.text() }
}

test('what comes by remote write is a virtual target, fails with it, and ends with it', async () => {
  const { topics, shard, sender } = await prepare()
  const labels = { job: 'shop', instance: 'a' }
  const target = new WrittenScrapes(sender, labels)
  const { mirrors } = await startMirrors(topics)
  const began = Date.now() - 40_000
  await target.scrape(began, { x: 1, y: 2 })
  await target.scrape(began + 10_000, { x: 3, y: 4 })
  await eventually(async () => {
    const { status, text } = await scrape(shard, labels)
    expect(status, text).toBe(200)
    expect(text).toContain(
      '# HELP x Help of x.\n# TYPE x gauge\nx 3\n# HELP y Help of y.\n# TYPE y gauge\ny 4\n',
    )
  })

  await target.scrape(began + 20_000, { x: 'stale', y: 'stale' }, 0)
  await eventually(async () => {
    const { status, text } = await scrape(shard, labels)
    expect(status).toBe(503)
    expect(text).toContain('the scrape by the sender failed after 0.250 s (up 0)')
  })

  await target.scrape(began + 30_000, { x: 5 })
  await eventually(async () => {
    const { status, text } = await scrape(shard, labels)
    expect(status, text).toBe(200)
    expect(text).toContain('# HELP x Help of x.\n# TYPE x gauge\nx 5\n# HELP exposer_')
  })

  await target.scrape(began + 40_000, { x: 'stale' }, 'stale')
  await eventually(async () => {
    expect(await scrape(shard, labels)).toMatchObject({ status: 200, text: '' })
  })
  expect(mirrors.figures).toMatchObject({
    targets: 1,
    snapshots: { count: 3, settled: 0, timeout: 0, interval: 0 },
    failures: 1,
    ends: 1,
    late: 0,
  })
  expect(mirrors.publishing).toMatchObject({ refused: 0, gaps: 0, droppedSeries: 0 })
})

test('another gateway goes on where the last one stopped, and what it repeats changes nothing', async () => {
  const { topics, shard, sender } = await prepare()
  const labels = { job: 'shop', instance: 'a' }
  const target = new WrittenScrapes(sender, labels)
  const first = await startMirrors(topics)
  const began = Date.now() - 30_000
  await target.scrape(began, { x: 1 })
  await target.scrape(began + 10_000, { x: 2 })
  await eventually(async () => {
    expect((await scrape(shard, labels)).text).toContain('\nx 2\n')
  })
  await first.stop()
  expect(first.mirrors.pendingBytes).toBe(0)
  expect(first.mirrors.bytes).toBe(0)

  // While no gateway runs.
  await target.scrape(began + 20_000, { x: 3 })
  await target.scrape(began + 30_000, { x: 4 })
  const second = await startMirrors(topics)
  await eventually(async () => {
    expect((await scrape(shard, labels)).text).toContain('\nx 4\n')
  })
  // The lookback is read for the state.
  expect(second.mirrors.figures).toMatchObject({ records: 4, snapshots: { count: 4 } })
  const telemetry = await (await fetch(`${shard.url}/telemetry`)).text()
  expect(telemetry).not.toMatch(/^exposer_records_rejected_total\{/m)
  expect(telemetry).toMatch(/^exposer_records_repeated_total 0$/m)
})

test('a target without up gets a snapshot each interval, with the times of its samples', async () => {
  const { topics, shard, sender } = await prepare()
  const labels = { job: 'telegraf' }
  const target = new WrittenScrapes(sender, labels)
  await startMirrors(topics, { lookbackMs: 10_000 })
  const series = (value: number) => [
    {
      labels: { __name__: 'x', ...labels },
      samples: [{ time: Date.now(), value }],
    },
  ]
  // Half of the lookback: until then an up may come.
  await target.write(series(1))
  expect(await scrape(shard, labels)).toMatchObject({ status: 404 })
  await eventually(async () => {
    await target.write(series(2))
    expect(await scrape(shard, labels)).toMatchObject({ status: 200 })
  })
  const response = await fetch(
    `${shard.url}/target?${new URLSearchParams({ ...labels, __timestamps: 'true' })}`,
  )
  expect(await response.text()).toMatch(/^x 2 \d{13}$/m)
})
