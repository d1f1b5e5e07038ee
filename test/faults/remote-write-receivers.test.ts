import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Exposer } from '../../exposer/server/exposer.js'
import { parseRemoteWriteFile } from '../../shared/remote-write/config.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { FakeApp } from '../support/records.js'
import { startShard, targetPath } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'
import { type Fault, WriteReceiver } from '../support/write-receiver.js'

/** No fault of a receiver loses a sample, or moves scraping or another receiver. */
const INTERVAL_MS = 1000
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function setUp(
  receivers: readonly WriteReceiver[],
  apps = 3,
  { timeout = '1s', queue = {} }: { timeout?: string; queue?: object } = {},
) {
  const settings = { topic: await newTopic(2), group: name('faults') }
  const file = {
    remote_write: receivers.map(({ url }, i) => ({
      url,
      name: `r${i}`,
      remote_timeout: timeout,
      queue_config: { batch_send_deadline: '50ms', max_backoff: '200ms', ...queue },
    })),
  }
  const shard = await startShard(settings, {
    remoteWrite: {
      ...parseRemoteWriteFile(JSON.stringify(file)),
      playout: false,
      writesTopic: name('writes'),
      proxyEnvironment: {},
    },
  })
  stops.push(() => shard.stop())
  const started = Array.from({ length: apps }, (_, i) => {
    const labels = { job: 'faults', instance: `app-${i}` }
    const app = new SteadyApp(newSender(settings.topic), { labels, intervalMs: INTERVAL_MS })
    stops.push(() => app.stop())
    return app.start()
  })
  return { shard, apps: started }
}

const receiver = async (...args: Parameters<typeof WriteReceiver.start>) => {
  const one = await WriteReceiver.start(...args)
  stops.push(() => one.stop())
  return one
}

/** Times of the counter of an app that were received, in order. */
const received = (from: WriteReceiver, app: SteadyApp) =>
  from.samples('__name__="steady_total"', `instance="${app.labels.instance}"`).map(([time]) => time)

/** From the first sample received, every one was stored, in order; some perhaps repeatedly. */
function expectWhole(from: WriteReceiver, app: SteadyApp, least: number): void {
  const times = received(from, app)
  const distinct = [...new Set(times)]
  const first = app.collected.indexOf(distinct[0]!)
  expect(distinct.length).toBeGreaterThanOrEqual(least)
  expect(distinct).toEqual(app.collected.slice(first, first + distinct.length))
}

const telemetry = async (shard: Exposer) => (await fetch(`${shard.url}/telemetry`)).text()
const metric = async (shard: Exposer, series: string) => {
  const text = await telemetry(shard)
  const line = text.split('\n').find(one => one.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1))
}

const answer =
  (status: number, headers: Record<string, string> = {}): Fault =>
  ({ response }) => {
    response.writeHead(status, headers).end('not now')
    return 'answered'
  }

/** For tests that fail if a request is repeated because a busy machine answers late. */
const UNHURRIED = { timeout: '60s' }

const FAULTS: readonly [string, Fault][] = [
  ['answers 500', answer(500)],
  ['answers 503 with Retry-After', answer(503, { 'retry-after': '1' })],
  ['answers 429', answer(429)],
  [
    'closes the connection in the middle of its answer',
    ({ response }) => {
      response.writeHead(204, { 'content-length': '10' })
      response.write('x')
      setTimeout(() => response.socket?.destroy(), 20)
      return 'answered'
    },
  ],
  ['never answers', () => 'answered'],
]

describe('a receiver that', () => {
  test.each(FAULTS)('%s for a while loses no sample', async (_, fault) => {
    const one = await receiver()
    const { shard, apps } = await setUp([one])
    await eventually(() => {
      for (const app of apps) expectWhole(one, app, 2)
    })
    one.fault = fault
    const before = one.requests
    await eventually(() => expect(one.requests).toBeGreaterThan(before + 2))
    one.fault = null
    const seen = received(one, apps[0]!).length
    await eventually(() => {
      for (const app of apps) expectWhole(one, app, seen + 6)
    })
    expect(
      await metric(shard, 'exposer_remote_write_failed_total{remote="r0",reason="refused"}'),
    ).toBe(0)
    expect(await metric(shard, 'exposer_remote_write_retried_total{remote="r0"}')).toBeGreaterThan(
      0,
    )
  })

  test('stores nothing is behind by the time that samples wait, also at the end of the log', async () => {
    const one = await receiver()
    const { shard, apps } = await setUp([one], 1)
    const lag = () => metric(shard, 'exposer_remote_write_lag_seconds{remote="r0"}')
    await eventually(() => expectWhole(one, apps[0]!, 2))
    const before = performance.now()
    const lagBefore = await lag()
    one.fault = FAULTS[0]![1]
    await eventually(async () => expect(await lag()).toBeGreaterThan(3))
    expect(await lag()).toBeLessThan(lagBefore + (performance.now() - before) / 1000 + 2)
    one.fault = null
    await eventually(async () => expect(await lag()).toBeLessThan(1))
  })

  test('redirects to a page is not taken for one that stores', async () => {
    const one = await receiver()
    one.fault = ({ response }) => {
      response.writeHead(302, { location: '/login' }).end()
      return 'answered'
    }
    const { shard } = await setUp([one], 1)
    const retried = 'exposer_remote_write_retried_total{remote="r0"}'
    await eventually(async () => expect(await metric(shard, retried)).toBeGreaterThan(0))
    expect(await metric(shard, 'exposer_remote_write_samples_total{remote="r0"}')).toBe(0)
    const { data } = (await (await fetch(`${shard.url}/api/v1/remote-write`)).json()) as {
      data: { shard: string; receivers: object[] }
    }
    expect(data).toMatchObject({
      shard: shard.url,
      receivers: [
        {
          name: 'r0',
          url: one.url,
          protocol: '2.0',
          state: 'retrying',
          error: '302: redirect to /login: set that URL',
          secondsSinceStored: null,
          samples: 0,
        },
      ],
    })
  })

  test('refuses whole requests for one target loses only the samples of that target', async () => {
    const one = await receiver(['1.0'])
    const bad = 'instance="app-1"'
    one.fault = ({ series, response }) => {
      if (!series.some(({ labels }) => labels.includes(bad))) return 'store'
      response.writeHead(400).end('out of order sample')
      return 'answered'
    }
    const { shard, apps } = await setUp([one], 5)
    await eventually(() => {
      for (const [i, app] of apps.entries()) if (i !== 1) expectWhole(one, app, 5)
    })
    expect(one.samples(bad)).toEqual([])
    expect(
      await metric(shard, 'exposer_remote_write_failed_total{remote="r0",reason="refused"}'),
    ).toBeGreaterThan(0)
  })

  test('answers 500 for one target holds back no other, and gets its samples afterwards', async () => {
    const one = await receiver()
    const bad = 'instance="app-1"'
    one.fault = ({ series, response }) => {
      if (!series.some(({ labels }) => labels.includes(bad))) return 'store'
      response.writeHead(500).end('cannot store this')
      return 'answered'
    }
    const { shard, apps } = await setUp([one], 5)
    await eventually(async () => {
      for (const [i, app] of apps.entries()) if (i !== 1) expectWhole(one, app, 8)
      expect(await metric(shard, 'exposer_remote_write_isolated_targets{remote="r0"}')).toBe(1)
    }, 60_000)
    expect(one.samples(bad)).toEqual([])
    const { data } = (await (await fetch(`${shard.url}/api/v1/remote-write`)).json()) as {
      data: { receivers: { error: string; isolatedSamples: number }[] }
    }
    expect(data.receivers[0]).toMatchObject({ isolatedTargets: 1 })
    expect(data.receivers[0]!.isolatedSamples).toBeGreaterThan(0)
    one.fault = null
    const collected = apps[1]!.collected.length
    await eventually(() => expectWhole(one, apps[1]!, collected), 60_000)
    await eventually(async () => {
      expect(await metric(shard, 'exposer_remote_write_isolated_targets{remote="r0"}')).toBe(0)
    })
    const failed = /^exposer_remote_write_failed_total\{.*\} [^0]/m
    expect(await telemetry(shard)).not.toMatch(failed)
  })

  test('does not understand protocol 2.0 gets 1.0', async () => {
    const one = await receiver(['1.0'])
    const { apps } = await setUp([one])
    await eventually(() => {
      for (const app of apps) expectWhole(one, app, 3)
    })
    expect(one.protocols[0]).toBe('2.0')
    expect(one.protocols.at(-1)).toBe('1.0')
  })

  test('takes 2.0 for 1.0, and answers 200 without counts, gets 1.0', async () => {
    const one = await receiver()
    one.fault = ({ response }) => {
      if (one.protocols.at(-1) === '1.0') return 'store'
      response.writeHead(204).end()
      return 'answered'
    }
    const { apps } = await setUp([one])
    await eventually(() => {
      for (const app of apps) expectWhole(one, app, 3)
    })
  })

  test('stores a part of a 2.0 request is not sent the rest again, which is counted', async () => {
    const one = await receiver()
    let refused = 0
    one.fault = ({ series, response }) => {
      const good = series.filter(({ labels }) => !labels.includes('instance="app-0"'))
      if (good.length === series.length) return 'store'
      refused += series.length - good.length
      for (const { labels, samples } of good)
        one.series.set(labels, [...(one.series.get(labels) ?? []), ...samples])
      response
        .writeHead(400, { 'x-prometheus-remote-write-samples-written': String(good.length) })
        .end('out of order sample')
      return 'answered'
    }
    const { shard, apps } = await setUp([one], 3, UNHURRIED)
    await eventually(() => {
      expectWhole(one, apps[1]!, 4)
      expectWhole(one, apps[2]!, 4)
    })
    expect(received(one, apps[1]!)).toEqual([...new Set(received(one, apps[1]!))])
    await eventually(async () => {
      const failed = 'exposer_remote_write_failed_total{remote="r0",reason="refused"}'
      expect(await metric(shard, failed)).toBe(refused)
    })
  })

  test.each([
    ['a long text', (response: ServerResponse) => response.end('out of order\n'.repeat(20_000))],
    [
      'a text without an end',
      (response: ServerResponse) => {
        const write = () => {
          while (!response.destroyed && response.write('out of order\n'.repeat(100)));
        }
        response.on('drain', write)
        write()
      },
    ],
  ])('refuses samples with %s is not sent them again', async (_, end) => {
    const one = await receiver()
    let refused = 0
    one.fault = ({ series, response }) => {
      if (refused > 0 || one.requests < 3) return 'store'
      refused = series.reduce((sum, { samples }) => sum + samples.length, 0)
      end(response.writeHead(400, { 'x-prometheus-remote-write-samples-written': '0' }))
      return 'answered'
    }
    const { shard } = await setUp([one], 1, UNHURRIED)
    await eventually(() => expect(refused).toBeGreaterThan(0))
    const before = one.requests
    await eventually(() => expect(one.requests).toBeGreaterThan(before + 2))
    const failed = 'exposer_remote_write_failed_total{remote="r0",reason="refused"}'
    expect(await metric(shard, failed)).toBe(refused)
    expect(await metric(shard, 'exposer_remote_write_retried_total{remote="r0"}')).toBe(0)
  })

  test('redirects to a page for a while loses no sample', async () => {
    const one = await receiver()
    const { apps } = await setUp([one])
    await eventually(() => {
      for (const app of apps) expectWhole(one, app, 2)
    })
    const page = createServer((_, response) => response.end('log in'))
    await new Promise<void>(resolve => page.listen(0, '127.0.0.1', resolve))
    stops.push(async () => page.close())
    const { port } = page.address() as AddressInfo
    one.fault = answer(302, { location: `http://127.0.0.1:${port}/` })
    const before = one.requests
    await eventually(() => expect(one.requests).toBeGreaterThan(before + 2))
    one.fault = null
    const seen = received(one, apps[0]!).length
    await eventually(() => {
      for (const app of apps) expectWhole(one, app, seen + 6)
    })
  })

  test('says that it has stored more than it was sent is not believed', async () => {
    const one = await receiver()
    one.fault = ({ response }) => {
      const written = 'x-prometheus-remote-write-'
      const many = '999999999999999'
      response
        .writeHead(204, {
          [`${written}samples-written`]: many,
          [`${written}histograms-written`]: many,
        })
        .end()
      return 'answered'
    }
    const { shard } = await setUp([one])
    await eventually(() => expect(one.requests).toBeGreaterThan(2))
    await eventually(async () => {
      const stored = await metric(shard, 'exposer_remote_write_samples_total{remote="r0"}')
      expect(stored).toBeGreaterThan(0)
      expect(stored).toBeLessThan(10_000)
    })
    expect(await metric(shard, 'exposer_remote_write_histograms_total{remote="r0"}')).toBe(0)
  })

  test('does not answer moves neither scraping nor another receiver', async () => {
    const [dead, alive] = [await receiver(), await receiver()]
    dead.fault = () => 'answered'
    const queue = { capacity: 10, max_samples_per_send: 10 }
    const { shard, apps } = await setUp([dead, alive], 3, { queue })
    await eventually(() => {
      for (const app of apps) expectWhole(alive, app, 20)
    }, 60_000)
    const labels = apps[0]!.labels
    const response = await fetch(`${shard.url}${targetPath(new FakeApp({ labels }))}`)
    expect(response.status).toBe(200)
    // Reading for the other one waits: what it holds is bounded.
    const pending = 'exposer_remote_write_pending_samples{remote="r0"}'
    expect(await metric(shard, pending)).toBeLessThan(60)
    dead.fault = null
    await eventually(() => {
      for (const app of apps) expectWhole(dead, app, 20)
    }, 60_000)
  })
})
