import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import { startVictoriaMetrics } from '../../dev/local/victoria-metrics.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { parseRemoteWriteFile } from '../../shared/remote-write/config.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { startShard } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'

const INTERVAL_MS = 1000
const DASHBOARD = fileURLToPath(
  new URL('../../deploy/grafana/dashboards/kafka-exposer.json', import.meta.url),
)
const binary = await partOrSkip('prometheus')

describe.skipIf(binary === null).each(['1.0', '2.0'] as const)(
  'a real Prometheus, protocol %s',
  protocol => {
    let prometheus: LocalPrometheus
    let settings: { topic: string; group: string }
    let shard: Exposer
    const apps: SteadyApp[] = []

    const app = (instance: string) => {
      const labels = { job: 'sent', instance }
      const one = new SteadyApp(newSender(settings.topic), { intervalMs: INTERVAL_MS, labels })
      apps.push(one)
      return one.start()
    }
    const start = () =>
      startShard(settings, {
        remoteWrite: {
          ...parseRemoteWriteFile(
            JSON.stringify({
              global: { external_labels: { cluster: 'c1' } },
              remote_write: [
                {
                  url: `${prometheus.url}/api/v1/write`,
                  name: 'judge',
                  protobuf_message:
                    protocol === '1.0'
                      ? 'prometheus.WriteRequest'
                      : 'io.prometheus.write.v2.Request',
                  queue_config: { batch_send_deadline: '100ms' },
                },
              ],
            }),
          ),
          playout: false,
          writesTopic: name('writes'),
          proxyEnvironment: {},
        },
      })
    const value = async (promql: string, time?: number) => {
      const [sample] = await prometheus.query(promql, time)
      return sample && Number(sample.value[1])
    }
    const becomes = (promql: string, wanted: number | undefined) =>
      eventually(async () => expect(await value(promql), promql).toBe(wanted))
    /** Times of the samples of a series in the last minutes, Unix ms. */
    const times = async (selector: string): Promise<number[]> => {
      const url = `${prometheus.url}/api/v1/query?${new URLSearchParams({ query: `${selector}[10m]` })}`
      const { data } = (await (await fetch(url)).json()) as {
        data: { result: { values: [number, string][] }[] }
      }
      return (data.result[0]?.values ?? []).map(([at]) => Math.round(at * 1000))
    }

    beforeAll(async () => {
      settings = { topic: await newTopic(3), group: name('sent') }
      prometheus = await startPrometheus({
        config: { global: { scrape_interval: '1m' } },
        flags: ['--web.enable-remote-write-receiver'],
      })
      shard = await start()
    })
    afterAll(async () => {
      for (const one of apps) await one.stop()
      await shard?.stop()
      await prometheus?.stop()
    })

    test('stores each sample once at its collection time, with up, report series and external labels', async () => {
      const one = app('whole')
      const selector = `steady_total{${one.selector},cluster="c1"}`
      await eventually(async () => expect((await times(selector)).length).toBeGreaterThan(5))
      const stored = await times(selector)
      // What was published before the partition was assigned is not sent.
      const first = one.collected.indexOf(stored[0]!)
      expect(stored).toEqual(one.collected.slice(first, first + stored.length))
      await eventually(async () => {
        expect(await times(`up{${one.selector},cluster="c1"}`)).toEqual(
          expect.arrayContaining(stored),
        )
        expect(await value(`scrape_samples_scraped{${one.selector}}`)).toBe(1)
        expect(await value(`rate(steady_total{${one.selector}}[5s])`)).toBeCloseTo(1, 1)
      })
    })

    test('every query about remote write of the Grafana dashboard has a result', async () => {
      const { host } = new URL(shard.url)
      await prometheus.reload({
        scrape_configs: [
          {
            job_name: 'kafka-exposer',
            scrape_interval: '1s',
            metrics_path: '/telemetry',
            static_configs: [{ targets: [host] }],
          },
        ],
      })
      const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
        panels: { targets: { expr: string }[] }[]
      }
      const queries = panels
        .flatMap(({ targets }) => targets.map(({ expr }) => expr))
        .filter(expr => expr.includes('exposer_remote_write_'))
      expect(queries.length).toBeGreaterThan(5)
      for (const query of queries)
        await eventually(async () => expect(await value(query), query).toEqual(expect.any(Number)))
    })

    test('a series that disappears is stale at once', async () => {
      const one = app('shrinks')
      one.extra = 2
      await becomes(`count(extra{${one.selector}})`, 2)
      one.extra = 1
      await becomes(`count(extra{${one.selector}})`, 1)
      expect(await value(`up{${one.selector}}`)).toBe(1)
    })

    test('a failing collection is up 0 and makes its series stale', async () => {
      const one = app('fails')
      await becomes(`up{${one.selector}}`, 1)
      one.failure = 'no answer'
      await becomes(`up{${one.selector}}`, 0)
      expect(await value(`steady_total{${one.selector}}`)).toBeUndefined()
      one.failure = null
      await becomes(`up{${one.selector}}`, 1)
      await becomes(`count(steady_total{${one.selector}})`, 1)
    })

    test('a target that dies is up 0 in each interval, and lives again when it returns', async () => {
      const one = app('dies')
      await becomes(`up{${one.selector}}`, 1)
      one.die()
      await becomes(`up{${one.selector}}`, 0)
      expect(await value(`steady_total{${one.selector}}`)).toBeUndefined()
      const last = one.collected.at(-1)!
      await eventually(async () => {
        const down = (await times(`up{${one.selector}}`)).filter(at => at > last)
        expect(down.length).toBeGreaterThanOrEqual(3)
        expect(down).toEqual(down.map((_, i) => last + (3 + i) * INTERVAL_MS))
      })
      one.restart()
      await becomes(`up{${one.selector}}`, 1)
      await becomes(`count(steady_total{${one.selector}})`, 1)
    })

    test('a target that ends leaves without up 0', async () => {
      const one = app('ends')
      await becomes(`up{${one.selector}}`, 1)
      await one.end()
      await becomes(`up{${one.selector}}`, undefined)
      expect(await value(`steady_total{${one.selector}}`)).toBeUndefined()
      expect(await value(`min_over_time(up{${one.selector}}[5m])`)).toBe(1)
    })

    test('a shard that is replaced loses no sample, and says what it did', async () => {
      const one = app('moves')
      const selector = `steady_total{${one.selector}}`
      await becomes(`up{${one.selector}}`, 1)
      const metrics = await (await fetch(`${shard.url}/telemetry`)).text()
      expect(metrics).toMatch(/^exposer_remote_write_samples_total\{remote="judge"\} [1-9]/m)
      expect(metrics).toMatch(
        /^exposer_remote_write_failed_total\{remote="judge",reason="refused"\} 0$/m,
      )
      await shard.stop()
      const stopped = Date.now()
      await eventually(() => expect(one.collected.at(-1)).toBeGreaterThan(stopped + 3000))
      shard = await start()
      const restarted = Date.now()
      await eventually(async () => {
        expect((await times(selector)).at(-1)).toBeGreaterThan(restarted + 2000)
      }, 60_000)
      const stored = await times(selector)
      const first = one.collected.indexOf(stored[0]!)
      expect(stored).toEqual(one.collected.slice(first, first + stored.length))
      expect(await value(`min_over_time(up{${one.selector}}[5m])`)).toBe(1)
    })
  },
)

const victoria = await partOrSkip('victoria-metrics')

describe.skipIf(victoria === null)('a real VictoriaMetrics', () => {
  test('stores each sample once at its collection time by protocol 1.0, and makes dead targets stale', async () => {
    const settings = { topic: await newTopic(1), group: name('victoria') }
    const receiver = await startVictoriaMetrics()
    const remote = {
      url: `${receiver.url}/api/v1/write`,
      name: 'victoria',
      queue_config: { batch_send_deadline: '100ms' },
    }
    const shard = await startShard(settings, {
      remoteWrite: {
        ...parseRemoteWriteFile(JSON.stringify({ remote_write: [remote] })),
        playout: false,
        writesTopic: name('writes'),
        proxyEnvironment: {},
      },
    })
    const labels = { job: 'victoria', instance: 'a' }
    const app = new SteadyApp(newSender(settings.topic), { intervalMs: INTERVAL_MS, labels })
    const query = async (promql: string) => {
      const url = `${receiver.url}/api/v1/query?${new URLSearchParams({ query: promql })}`
      const { data } = (await (await fetch(url)).json()) as {
        data: { result: { value?: [number, string]; values?: [number, string][] }[] }
      }
      return data.result[0]
    }
    try {
      app.start()
      const stored = async () =>
        ((await query('steady_total[10m]'))?.values ?? []).map(([at]) => Math.round(at * 1000))
      await eventually(async () => expect((await stored()).length).toBeGreaterThan(5))
      const times = await stored()
      const first = app.collected.indexOf(times[0]!)
      expect(times).toEqual(app.collected.slice(first, first + times.length))
      app.die()
      await eventually(async () => expect((await query('up'))?.value?.[1]).toBe('0'))
      expect(await query('steady_total')).toBeUndefined()
    } finally {
      await app.stop()
      await shard.stop()
      await receiver.stop()
    }
  })
})
