import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createRunFolder, removeRunFolder } from '../../dev/local/folders.js'
import { startPrometheus } from '../../dev/local/prometheus.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { type ChildSettings, ShardChild } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'
import { type Fault, WriteReceiver } from '../support/write-receiver.js'

/** Whatever happens to a sender with isolated targets, no sample is lost, and none is counted so. */
const prometheus = await partOrSkip('prometheus')
const PATIENCE_MS = 120_000
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

interface SetUp {
  readonly apps: number
  readonly partitions?: number
  readonly queue?: object
  readonly extra?: number
}

async function setUp({ apps, partitions = 4, queue = {}, extra = 0 }: SetUp) {
  const receiver = await WriteReceiver.start()
  stops.push(() => receiver.stop())
  const folder = createRunFolder('isolated')
  stops.push(() => removeRunFolder(folder))
  const file = join(folder, 'remote-write.yml')
  const queueConfig = { batch_send_deadline: '50ms', max_backoff: '200ms', ...queue }
  const remote = { url: receiver.url, name: 'r', queue_config: queueConfig }
  writeFileSync(file, JSON.stringify({ remote_write: [remote] }))
  const settings: ChildSettings = {
    topic: await newTopic(partitions),
    group: name('isolated'),
    flags: [
      `--remote-write.config.file=${file}`,
      `--remote-write.writes-topic=${name('writes')}`,
      '--remote-write.isolation-limit=0s',
    ],
  }
  const started = Array.from({ length: apps }, (_, i) => {
    const labels = { job: 'isolated', instance: `app-${i}` }
    const app = new SteadyApp(newSender(settings.topic), { labels })
    app.extra = extra
    stops.push(() => app.stop())
    return app.start()
  })
  return { receiver, settings, apps: started, bad: started[0]!, others: started.slice(1) }
}

/** Tracked, so that it is stopped with the test. */
function tracked(shard: ShardChild): ShardChild {
  stops.push(() => shard.end())
  return shard
}

const start = async (settings: ChildSettings) => tracked(await ShardChild.start(settings))

const isOf = (app: SteadyApp) => `instance="${app.labels.instance}"`

/** Answers 500 to what has samples of the target. */
const failing =
  (app: SteadyApp, otherwise: Fault = () => 'store'): Fault =>
  request => {
    if (!request.series.some(({ labels }) => labels.includes(isOf(app)))) return otherwise(request)
    request.response.writeHead(500).end('cannot store this')
    return 'answered'
  }

/** Sends requests to another receiver, and its answers back. */
const passingOn =
  (url: string): Fault =>
  ({ headers, body, response }) => {
    const kept = ['content-type', 'content-encoding', 'x-prometheus-remote-write-version']
    const sent = Object.fromEntries(kept.map(header => [header, String(headers[header])]))
    fetch(url, { method: 'POST', body: new Uint8Array(body), headers: sent }).then(
      async answer => {
        const written = [...answer.headers].filter(([header]) => header.startsWith('x-prometheus'))
        const text = await answer.text()
        response.writeHead(answer.status, Object.fromEntries(written)).end(text)
      },
      () => response.writeHead(503).end(),
    )
    return 'answered'
  }

/** Collection times that were received, each once, in order of their first arrival. */
const received = (from: WriteReceiver, app: SteadyApp, series = 'steady_total'): number[] => [
  ...new Set(from.samples(`__name__="${series}"`, isOf(app)).map(([time]) => time)),
]

/** Each collection since the first that was received, up to a time, in order. */
function expectWhole(from: WriteReceiver, app: SteadyApp, until: number): void {
  const times = received(from, app)
  expect(times.length).toBeGreaterThan(0)
  expect(times.at(-1)).toBeGreaterThanOrEqual(until)
  const first = app.collected.indexOf(times[0]!)
  expect(times).toEqual(app.collected.slice(first, first + times.length))
}

const untilWhole = (from: WriteReceiver, apps: readonly SteadyApp[], until: number) =>
  eventually(() => {
    for (const app of apps) expectWhole(from, app, until)
  }, PATIENCE_MS)

/** The sum of a metric, over the reasons that contain a text. */
async function figures(shard: ShardChild): Promise<(metric: string, reason?: string) => number> {
  const text = await (await fetch(`${shard.url}/telemetry`)).text()
  return (metric, reason = '') => {
    const prefix = `exposer_remote_write_${metric}{`
    const found = text.split('\n').filter(one => one.startsWith(prefix) && one.includes(reason))
    expect(found, metric).not.toEqual([])
    return found.reduce((sum, one) => sum + Number(one.slice(one.lastIndexOf(' ') + 1)), 0)
  }
}

const untilIsolated = (shards: readonly ShardChild[]) =>
  eventually(async () => {
    const all = await Promise.all(shards.map(figures))
    expect(all.reduce((sum, figure) => sum + figure('isolated_targets'), 0)).toBe(1)
  }, PATIENCE_MS)

/** Everything is received, and no shard counts a sample as lost. */
async function expectNothingLost(
  { receiver, apps }: Pick<Awaited<ReturnType<typeof setUp>>, 'receiver' | 'apps'>,
  shards: readonly ShardChild[],
): Promise<void> {
  const until = apps[0]!.collected.at(-1)!
  await untilWhole(receiver, apps, until)
  await eventually(async () => {
    for (const figure of await Promise.all(shards.map(figures))) {
      expect(figure('isolated_targets')).toBe(0)
      expect(figure('isolated_samples')).toBe(0)
      expect(figure('failed_total')).toBe(0)
    }
  }, PATIENCE_MS)
  for (const app of apps) {
    expect(receiver.samples('steady_total', isOf(app)).map(([, value]) => value)).not.toContain(
      'stale',
    )
  }
}

/** The first samples are stored, so that what is expected begins before the fault. */
async function begun({ receiver, apps }: Awaited<ReturnType<typeof setUp>>): Promise<void> {
  await eventually(() => {
    for (const app of apps) expectWhole(receiver, app, app.collected[0]!)
  }, PATIENCE_MS)
}

describe('no sample of an isolated target is lost when', () => {
  test('its sender is killed', async () => {
    const world = await setUp({ apps: 4 })
    const { receiver, settings, bad, others } = world
    let shard = await start(settings)
    await begun(world)
    receiver.fault = failing(bad)
    for (let kills = 0; kills < 2; kills++) {
      await untilIsolated([shard])
      await shard.end()
      const killed = Date.now()
      shard = tracked(shard.restart(settings))
      await untilWhole(receiver, others, killed + 2000)
    }
    await untilIsolated([shard])
    receiver.fault = null
    await expectNothingLost(world, [shard])
  })

  test('another shard takes its partition, and gives it back', async () => {
    const world = await setUp({ apps: 6 })
    const { receiver, settings, bad, others } = world
    const first = await start(settings)
    await begun(world)
    receiver.fault = failing(bad)
    await untilIsolated([first])
    const second = await start(settings)
    await eventually(async () => expect((await figures(second))('partitions')).toBeGreaterThan(1))
    await untilIsolated([first, second])
    await first.end('SIGTERM')
    const left = Date.now()
    await untilWhole(receiver, others, left + 2000)
    await untilIsolated([second])
    receiver.fault = null
    await expectNothingLost(world, [second])
  })

  test('its receiver needs more queue shards', async () => {
    // Each request takes a while and has few samples: one queue shard is not enough.
    const queue = { max_samples_per_send: 20, min_shards: 1, max_shards: 4, capacity: 200 }
    const world = await setUp({ apps: 5, queue, extra: 20 })
    const { receiver, settings, bad } = world
    const shard = await start(settings)
    await begun(world)
    receiver.fault = failing(bad)
    await untilIsolated([shard])
    receiver.latency = 400
    await eventually(async () => {
      const figure = await figures(shard)
      expect(figure('shards')).toBeGreaterThan(1)
      expect(figure('isolated_targets')).toBe(1)
    }, PATIENCE_MS)
    receiver.fault = null
    receiver.latency = 0
    await expectNothingLost(world, [shard])
  })

  test('its requests have too many bytes, too', async () => {
    const world = await setUp({ apps: 4, extra: 100 })
    const { receiver, settings, bad, others } = world
    /** Bytes of the smallest request that has a whole snapshot. */
    let whole = Number.POSITIVE_INFINITY
    receiver.fault = ({ series, body }) => {
      if (series.length >= 100) whole = Math.min(whole, body.length)
      return 'store'
    }
    const shard = await start(settings)
    await begun(world)
    let refused = 0
    // Later requests are smaller, when the codes of their tables are compiled.
    const limited: Fault = ({ body, response }) => {
      if (body.length < 0.6 * whole) return 'store'
      refused++
      response.writeHead(413).end('request body too large')
      return 'answered'
    }
    receiver.fault = failing(bad, limited)
    await untilIsolated([shard])
    const since = Date.now()
    await eventually(() => {
      expect(refused).toBeGreaterThan(0)
      for (const app of others) expectWhole(receiver, app, since + 2000)
    }, PATIENCE_MS)
    receiver.fault = limited
    await expectNothingLost(world, [shard])
    for (const app of world.apps) {
      const times = (series: string) => [...received(receiver, app, series)].sort((a, b) => a - b)
      expect(times('extra').slice(0, times('steady_total').length)).toEqual(times('steady_total'))
    }
  })
})

test.skipIf(prometheus === null)(
  'what a Prometheus server has of a killed sender is counted as repeated, and nothing is lost',
  async () => {
    const server = await startPrometheus({
      config: { global: { scrape_interval: '1m' } },
      flags: ['--web.enable-remote-write-receiver'],
    })
    stops.push(() => server.stop())
    const world = await setUp({ apps: 4 })
    const { receiver, settings, apps, bad } = world
    const passedOn = passingOn(`${server.url}/api/v1/write`)
    receiver.fault = passedOn
    let shard = await start(settings)
    const stored = async (app: SteadyApp): Promise<number[]> => {
      const found = await server.samples(`steady_total{${app.selector}}[1h]`)
      return found.flatMap(({ values }) => values.map(([time]) => Math.round(time * 1000)))
    }
    const untilStored = (until: (app: SteadyApp) => number) =>
      eventually(async () => {
        for (const app of apps)
          expect((await stored(app)).at(-1) ?? 0).toBeGreaterThanOrEqual(until(app))
      }, PATIENCE_MS)
    await untilStored(app => app.collected[0]!)
    // While a target is isolated nothing is committed, so that all of the others is sent again.
    receiver.fault = failing(bad, passedOn)
    await untilIsolated([shard])
    const isolated = Date.now()
    await eventually(async () => {
      for (const app of apps)
        if (app !== bad) expect((await stored(app)).at(-1)).toBeGreaterThan(isolated + 3000)
    }, PATIENCE_MS)
    await shard.end()
    shard = tracked(shard.restart(settings))
    await untilIsolated([shard])
    receiver.fault = passedOn
    const mended = Date.now()
    await untilStored(() => mended + 2000)
    for (const app of apps) {
      const times = await stored(app)
      const first = app.collected.indexOf(times[0]!)
      expect(times).toEqual(app.collected.slice(first, first + times.length))
    }
    await eventually(async () => {
      const figure = await figures(shard)
      expect(figure('isolated_targets')).toBe(0)
      expect(figure('failed_total', 'repeated')).toBeGreaterThan(0)
      expect(figure('failed_total')).toBe(figure('failed_total', 'repeated'))
    }, PATIENCE_MS)
  },
)
