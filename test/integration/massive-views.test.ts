import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Gauge, Registry } from 'prom-client'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { createPublisher } from '../../producer/index.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, silent } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { startShard } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function shardOf(topic: string): Promise<Exposer> {
  const shard = await startShard({ topic, group: name('views') })
  cleanups.push(() => shard.stop())
  return shard
}

/** A Prometheus that scrapes the massive targets. */
async function prometheusOf(
  shards: readonly Exposer[],
  params: Record<string, string[]>,
  interval: string,
  more: object[] = [],
): Promise<LocalPrometheus> {
  const prometheus = await startPrometheus({
    config: {
      global: {
        scrape_interval: interval,
        scrape_timeout: interval,
        scrape_protocols: ['PrometheusText1.0.0'],
      },
      storage: { tsdb: { out_of_order_time_window: '30m' } },
      scrape_configs: [
        {
          job_name: 'massive',
          metrics_path: '/metrics',
          params,
          honor_labels: true,
          track_timestamps_staleness: true,
          static_configs: [{ targets: shards.map(({ url }) => new URL(url).host) }],
        },
        ...more,
      ],
    },
  })
  cleanups.push(() => prometheus.stop())
  return prometheus
}

/** The stored samples of a series as `[Unix ms, value]`. */
async function stored(prometheus: LocalPrometheus, selector: string): Promise<[number, string][]> {
  const [series, ...more] = await prometheus.samples(`${selector}[10m]`)
  expect(more).toEqual([])
  return (series?.values ?? []).map(([seconds, value]) => [Math.round(seconds * 1000), value])
}

const describeWithPrometheus = describe.skipIf((await partOrSkip('prometheus')) === null)

describeWithPrometheus('the view all', () => {
  test('two Prometheus with different scraper names store the same samples, and all of every app', async () => {
    const topic = await newTopic(4)
    const shards = [await shardOf(topic)]
    const apps = ['a', 'b', 'c'].map(instance => {
      const app = new SteadyApp(newSender(topic), { labels: { job: 'all', instance } }).start()
      cleanups.push(() => app.stop())
      return app
    })
    const replicas = await Promise.all(
      ['one', 'two'].map(scraper =>
        prometheusOf(shards, { view: ['all'], scraper: [scraper] }, '3s'),
      ),
    )
    for (const app of apps) {
      const selector = `steady_total{${app.selector}}`
      await eventually(async () => {
        for (const one of replicas) expect((await stored(one, selector)).length).toBeGreaterThan(15)
      }, 60_000)
      const [one, two] = await Promise.all(replicas.map(replica => stored(replica, selector)))
      const from = Math.max(one[0][0], two[0][0])
      const to = Math.min(one.at(-1)![0], two.at(-1)![0])
      const common = (samples: [number, string][]) =>
        samples.filter(([at]) => at >= from && at <= to)
      expect(common(one)).toEqual(common(two))
      expect(common(one).map(([at]) => at)).toEqual(
        app.collected.filter(at => at >= from && at <= to),
      )
    }
    // No stale marker is between two samples.
    const [live] = apps
    for (const replica of replicas) {
      const samples = await stored(replica, `steady_total{${live.selector}}`)
      const end = samples.at(-1)![0] / 1000
      const [series] = await replica.queryRange(`steady_total{${live.selector}}`, {
        start: end - 10,
        end,
        step: 0.5,
      })
      expect(series.values).toHaveLength(21)
    }
  })

  test('of an app that stops publishing: the last samples are stored, up is 0, and its series end at once', async () => {
    const topic = await newTopic(1)
    const shards = [await shardOf(topic)]
    const app = new SteadyApp(newSender(topic), {
      labels: { job: 'all', instance: 'silent' },
    }).start()
    cleanups.push(() => app.stop())
    const prometheus = await prometheusOf(shards, { view: ['all'], scraper: ['p'] }, '2s')
    const value = async (promql: string) => (await prometheus.query(promql))[0]?.value[1]
    await eventually(async () => expect(await value(`up{${app.selector}}`)).toBe('1'))
    await eventually(async () =>
      expect((await stored(prometheus, `steady_total{${app.selector}}`)).length).toBeGreaterThan(4),
    )
    app.die()
    await eventually(async () => expect(await value(`up{${app.selector}}`)).toBe('0'))
    await eventually(async () =>
      expect(await value(`steady_total{${app.selector}}`)).toBeUndefined(),
    )
    const last = (await stored(prometheus, `steady_total{${app.selector}}`)).at(-1)![0]
    expect(last).toBe(app.collected.at(-1))
  })

  test('an app whose collections fail: its last samples are stored, up is 0, and it recovers with its next snapshot', async () => {
    const topic = await newTopic(1)
    const shards = [await shardOf(topic)]
    const app = new SteadyApp(newSender(topic), {
      labels: { job: 'all', instance: 'failing' },
    }).start()
    cleanups.push(() => app.stop())
    const prometheus = await prometheusOf(shards, { view: ['all'], scraper: ['p'] }, '2s')
    const value = async (promql: string) => (await prometheus.query(promql))[0]?.value[1]
    await eventually(async () => expect(await value(`up{${app.selector}}`)).toBe('1'))
    app.failure = 'the database does not answer'
    const { length } = app.collected
    await eventually(async () => expect(await value(`up{${app.selector}}`)).toBe('0'))
    await eventually(async () =>
      expect(await value(`steady_total{${app.selector}}`)).toBeUndefined(),
    )
    const last = (await stored(prometheus, `steady_total{${app.selector}}`)).at(-1)![0]
    expect(last).toBe(app.collected[length - 1])
    app.failure = null
    await eventually(async () => expect(await value(`up{${app.selector}}`)).toBe('1'))
    await eventually(async () => expect(await value(`steady_total{${app.selector}}`)).toBeDefined())
  })
})

describeWithPrometheus('the report series of a target in the massive view', () => {
  test.each([{ view: ['latest'] }, { view: ['all'], scraper: ['p'] }])(
    'equal those of a Prometheus that scrapes the same app directly (%j)',
    async params => {
      const topic = await newTopic(1)
      const shards = [await shardOf(topic)]
      const app = await startApp(topic)
      const prometheus = await prometheusOf(shards, params as Record<string, string[]>, '1s', [
        { job_name: 'direct', static_configs: [{ targets: [app.host] }] },
      ])
      const value = async (job: string, metric: string) => {
        const [sample] = await prometheus.query(`${metric.replace('$', `{job="${job}"}`)}`)
        return sample && Number(sample.value[1])
      }
      const expectBoth = (expected: Record<string, number>) =>
        eventually(async () => {
          for (const [metric, wanted] of Object.entries(expected)) {
            expect(await value('direct', metric), `${metric}, scraped directly`).toBe(wanted)
            expect(await value('published', metric), `${metric}, through Kafka`).toBe(wanted)
          }
        })
      const own = await app.samples()
      app.setSeries('a', 'b')
      await expectBoth({
        up$: 1,
        scrape_samples_scraped$: own + 2,
        scrape_samples_post_metric_relabeling$: own + 2,
        'sum_over_time(scrape_series_added$[10m])': own + 2,
      })
      app.setSeries('b', 'c', 'd')
      await expectBoth({
        scrape_samples_scraped$: own + 3,
        'sum_over_time(scrape_series_added$[10m])': own + 4,
      })
      app.setSeries('b')
      await expectBoth({ scrape_samples_scraped$: own + 1 })
      app.setSeries('a', 'b')
      await expectBoth({
        scrape_samples_scraped$: own + 2,
        'sum_over_time(scrape_series_added$[10m])': own + 5,
      })
      expect(await value('published', 'scrape_duration_seconds$')).toBeGreaterThan(
        COLLECT_MS / 1000 - 0.002,
      )
      app.die()
      await expectBoth({ up$: 0, scrape_samples_scraped$: 0, scrape_series_added$: 0 })
    },
  )
})

const COLLECT_MS = 20

/** Starts an app that serves /metrics and publishes the same registry. A test sets its series. */
async function startApp(topic: string) {
  const register = new Registry()
  const gauge = new Gauge({
    name: 'series',
    help: 'Some.',
    labelNames: ['of'],
    registers: [register],
    collect: () => new Promise(resolve => setTimeout(resolve, COLLECT_MS)),
  })
  const publisher = createPublisher({
    brokers: inject('brokers'),
    topic,
    register,
    job: 'published',
    instance: 'a',
    interval: '1s',
    logger: silent,
  })
  const server: Server = createServer(async (_, response) => {
    response.setHeader('content-type', register.contentType)
    response.end(await register.metrics())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  await publisher.start()
  const die = async () => {
    server.closeAllConnections()
    server.close()
    await publisher.stop(0)
  }
  cleanups.push(die)
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    setSeries(...of: string[]) {
      gauge.reset()
      for (const one of of) gauge.set({ of: one }, 1)
    },
    async samples() {
      return (await register.metrics()).match(/^[^#\n]/gm)!.length
    },
    die,
  }
}
