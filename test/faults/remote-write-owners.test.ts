import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { type ChildSettings, ShardChild } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'
import { WriteReceiver } from '../support/write-receiver.js'

/** Whoever sends a partition, and whatever happens to it, no sample is lost. */
const INTERVAL_MS = 1000
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function setUp(apps: number, partitions = 4) {
  const receiver = await WriteReceiver.start()
  stops.push(() => receiver.stop())
  const settings: ChildSettings = {
    topic: await newTopic(partitions),
    group: name('owners'),
    flags: [
      `--remote-write.url=${receiver.url}`,
      '--remote-write.batch-send-deadline=50ms',
      `--remote-write.writes-topic=${name('writes')}`,
    ],
  }
  const started = Array.from({ length: apps }, (_, i) => {
    const labels = { job: 'owners', instance: `app-${i}` }
    const app = new SteadyApp(newSender(settings.topic), { labels, intervalMs: INTERVAL_MS })
    stops.push(() => app.stop())
    return app.start()
  })
  return { receiver, settings, apps: started }
}

const start = async (settings: ChildSettings) => {
  const shard = await ShardChild.start(settings)
  stops.push(() => shard.end())
  return shard
}

const of = (receiver: WriteReceiver, app: SteadyApp, series: string) =>
  receiver.samples(`__name__="${series}"`, `instance="${app.labels.instance}"`)

/** Collection times that were received, without repetitions, in order. */
const distinct = (receiver: WriteReceiver, app: SteadyApp) =>
  [
    ...new Set(of(receiver, app, 'steady_total').flatMap(([at, v]) => (v === 'stale' ? [] : [at]))),
  ].sort((a, b) => a - b)

/** Everything from the first sample received until `until` has been received. */
function expectWhole(receiver: WriteReceiver, app: SteadyApp, until: number): void {
  const times = distinct(receiver, app)
  expect(times.length).toBeGreaterThan(0)
  const first = app.collected.indexOf(times[0]!)
  const wanted = app.collected.slice(first).filter(at => at <= until)
  expect(times.filter(at => at <= until)).toEqual(wanted)
  expect(times.at(-1)).toBeGreaterThanOrEqual(until)
}

const stale = (receiver: WriteReceiver, app: SteadyApp, series: string) =>
  of(receiver, app, series).filter(([, value]) => value === 'stale')

describe('no sample is lost when', () => {
  test('a sender is killed between requests and commits, again and again', async () => {
    const { receiver, settings, apps } = await setUp(4)
    let shard = await start(settings)
    await eventually(() => {
      for (const app of apps) expectWhole(receiver, app, app.collected[1]!)
    }, 60_000)
    for (let i = 0; i < 3; i++) {
      await shard.end()
      const killed = Date.now()
      shard = shard.restart(settings)
      stops.push(() => shard.end())
      await eventually(() => {
        for (const app of apps) expectWhole(receiver, app, killed + 1000)
      }, 60_000)
    }
    for (const app of apps) expect(stale(receiver, app, 'steady_total')).toEqual([])
  })

  test('a shard joins, and leaves', async () => {
    const { receiver, settings, apps } = await setUp(6)
    await start(settings)
    await eventually(() => {
      for (const app of apps) expectWhole(receiver, app, app.collected[1]!)
    }, 60_000)
    const second = await start(settings)
    await eventually(() => {
      for (const app of apps) expectWhole(receiver, app, app.collected[0]! + 15_000)
    }, 60_000)
    await second.end('SIGTERM')
    const left = Date.now()
    await eventually(() => {
      for (const app of apps) expectWhole(receiver, app, left + 3000)
    }, 60_000)
    for (const app of apps) {
      expect(stale(receiver, app, 'steady_total')).toEqual([])
      expect(of(receiver, app, 'up').filter(([, value]) => value !== 1)).toEqual([])
    }
  })

  test('a target dies while nobody owns its partition: it is down since then, by one marker', async () => {
    const { receiver, settings, apps } = await setUp(2, 1)
    const [dies, lives] = apps as [SteadyApp, SteadyApp]
    const shard = await start(settings)
    await eventually(() => expectWhole(receiver, dies, dies.collected[1]!), 60_000)
    await shard.end()
    dies.die()
    const last = dies.collected.at(-1)!
    await eventually(() => expect(Date.now()).toBeGreaterThan(last + 5000))
    const next = shard.restart(settings)
    stops.push(() => next.end())
    await eventually(() => {
      expectWhole(receiver, lives, last + 8000)
      expectWhole(receiver, dies, last)
      const down = [
        ...new Set(of(receiver, dies, 'up').flatMap(([at, v]) => (v === 0 ? [at] : []))),
      ]
      expect(down.length).toBeGreaterThanOrEqual(3)
      expect(down).toEqual(down.map((_, i) => last + (3 + i) * INTERVAL_MS))
    }, 60_000)
    expect(new Set(stale(receiver, dies, 'steady_total').map(([at]) => at))).toEqual(
      new Set([last + 3 * INTERVAL_MS]),
    )
  })
})

describe('a series gets one stale marker when', () => {
  test.each([
    [
      'it leaves its target',
      'extra',
      async (app: SteadyApp) => {
        app.extra = 0
      },
    ],
    ['its target ends', 'extra', async (app: SteadyApp) => app.end()],
    [
      'its target fails',
      'extra',
      async (app: SteadyApp) => {
        app.failure = 'no answer'
      },
    ],
    ['its target dies', 'extra', async (app: SteadyApp) => app.die()],
  ])('%s', async (_, series, act) => {
    const { receiver, settings, apps } = await setUp(2, 1)
    const [app, other] = apps as [SteadyApp, SteadyApp]
    app.extra = 3
    await start(settings)
    await eventually(() => expect(of(receiver, app, series).length).toBeGreaterThanOrEqual(6))
    await act(app)
    await eventually(() => expect(stale(receiver, app, series)).toHaveLength(3))
    const acted = Date.now()
    await eventually(() => expectWhole(receiver, other, acted + 4000))
    expect(stale(receiver, app, series)).toHaveLength(3)
    expect(stale(receiver, other, 'steady_total')).toEqual([])
  })
})
