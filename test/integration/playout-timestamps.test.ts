import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LoadBalancer } from '../../dev/local/load-balancer.js'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { partOrSkip } from '../support/or-skip.js'
import { startShard } from '../support/shards.js'
import { SteadyApp, type SteadyAppOptions } from '../support/steady-app.js'
import { samplesOf, unequal } from '../support/stored-samples.js'

/** Two Prometheus servers scrape virtual targets with `--exposition.timestamps=playout`. */
const INTERVAL_MS = 5000

let balancer: LoadBalancer
let settings: { topic: string; group: string }
const replicas: LocalPrometheus[] = []
const shards: Exposer[] = []
const apps: SteadyApp[] = []

const app = (instance: string, options: Omit<SteadyAppOptions, 'labels'> = {}) => {
  const labels = { job: 'playout', instance }
  const sender = newSender(settings.topic)
  const one = new SteadyApp(sender, { intervalMs: INTERVAL_MS, ...options, labels }).start()
  apps.push(one)
  return one
}
const shard = async () => {
  const options = {
    externalUrl: balancer.url,
    playoutDelay: 'auto',
    timestamps: 'playout',
  } as const
  shards.push(await startShard(settings, options))
  balancer.setBackends(shards.map(one => one.url))
}
const value = async (promql: string, time?: number): Promise<number | undefined> => {
  const [sample] = await replicas[0]!.query(promql, time)
  return sample && Number(sample.value[1])
}
const becomes = (promql: string, wanted: number | undefined) =>
  eventually(async () => expect(await value(promql), promql).toBe(wanted), 60_000)

const binary = await partOrSkip('prometheus')

beforeAll(async () => {
  if (binary === null) return
  settings = { topic: await newTopic(6), group: name('playout') }
  balancer = await LoadBalancer.start()
  await shard()
  await shard()
  for (const replica of ['a', 'b']) {
    replicas.push(
      await startPrometheus({
        config: {
          global: {
            scrape_interval: '5s',
            scrape_timeout: '5s',
            scrape_protocols: ['PrometheusText1.0.0'],
            // Servers with different labels scrape at different phases.
            external_labels: { replica },
          },
          scrape_configs: [
            {
              job_name: 'kafka',
              track_timestamps_staleness: true,
              http_sd_configs: [{ url: `${balancer.url}/sd`, refresh_interval: '1s' }],
            },
          ],
        },
      }),
    )
  }
})

afterAll(async () => {
  await Promise.all(apps.map(one => one.stop()))
  await Promise.all(replicas.map(one => one.stop()))
  await Promise.all(shards.map(one => one.stop()))
  await balancer?.stop()
})

const describeWithPrometheus = describe.skipIf(binary === null)

describeWithPrometheus('with playout times', { concurrent: true, timeout: 300_000 }, () => {
  test('two Prometheus servers store the same samples with the same times, across planned handovers and a change of D', async () => {
    let slow = 0
    const own = Array.from({ length: 8 }, (_, i) =>
      app(`steady-${i}`, { delay: () => Math.random() * 600 + (i % 2 ? slow : 0) }),
    )
    const scraped = (least: number) =>
      eventually(
        async () => {
          for (const replica of replicas) {
            for (const { selector } of own) {
              const [samples] = await samplesOf(replica, `steady_total{${selector}}`)
              expect(samples?.values.length).toBeGreaterThanOrEqual(least)
            }
          }
        },
        120_000,
        500,
      )
    await scraped(5)
    const from = Date.now()
    await shard()
    await scraped(8)
    slow = 1500
    await scraped(10)
    // The load balancer is told first, as by /-/ready.
    const [leaving] = shards.splice(0, 1)
    balancer.setBackends(shards.map(one => one.url))
    await leaving!.stop()
    await scraped(16)
    // What is due was scraped by both.
    const to = Date.now() - 2 * INTERVAL_MS - 3000
    const [a, b] = await Promise.all(
      replicas.map(replica => samplesOf(replica, 'steady_total{instance=~"steady-.*"}', from, to)),
    )
    expect(a).toHaveLength(own.length)
    const { samples, missing, conflicts } = unequal(a!, b!)
    expect(samples).toBeGreaterThan(60)
    expect(conflicts).toEqual([])
    // The first snapshot of an app that is slow arrives after D: one server may miss it. On a busy
    // machine a scrape may fail, or be so late that it skips a snapshot.
    const states = await Promise.all(
      replicas.map(replica => samplesOf(replica, 'up{instance=~"steady-.*"}', from, to)),
    )
    const failed = states
      .flat()
      .flatMap(({ instance, values }) =>
        values.filter(([, state]) => state === '0').map(([at]) => `${instance}@${at}`),
      )
    expect(missing.length, JSON.stringify({ missing, failed })).toBeLessThanOrEqual(
      failed.length + own.length + samples / 50,
    )
  })

  test('late: its series end with the scrape in which up is 0', async () => {
    const late = app('late')
    await becomes(`up{${late.selector}}`, 1)
    await eventually(async () =>
      expect(await value(`steady_total{${late.selector}}`)).toBeDefined(),
    )
    late.die()
    await expectStaleMarkers(late)
  })

  test('failed: its series end with the scrape in which up is 0, and come back with the next snapshot', async () => {
    const failing = app('failing')
    await becomes(`up{${failing.selector}}`, 1)
    await eventually(async () =>
      expect(await value(`steady_total{${failing.selector}}`)).toBeDefined(),
    )
    failing.failure = 'no answer'
    await expectStaleMarkers(failing)
    failing.failure = null
    await becomes(`up{${failing.selector}}`, 1)
    await eventually(async () => {
      expect(await value(`steady_total{${failing.selector}}`)).toBeDefined()
    })
  })

  test('ended: its series end, and up was never 0', async () => {
    const ended = app('ended')
    const since = Date.now()
    await eventually(async () =>
      expect(await value(`steady_total{${ended.selector}}`)).toBeDefined(),
    )
    await ended.end()
    await becomes(`steady_total{${ended.selector}}`, undefined)
    const seconds = Math.ceil((Date.now() - since) / 1000)
    expect(await value(`min_over_time(up{${ended.selector}}[${seconds}s])`)).toBe(1)
  })

  test('a series that leaves ends, one that returns comes back, and the others stay', async () => {
    const changing = app('changing')
    const extra = `extra{${changing.selector}}`
    for (const series of [1, 0, 1]) {
      changing.extra = series
      await becomes(extra, series || undefined)
      expect(await value(`steady_total{${changing.selector}}`)).toBeDefined()
    }
  })

  test('an app that restarts, and one whose clock is wrong by minutes, are as without timestamps', async () => {
    const wrong = [300_000, -300_000].map(ahead => app(`clock${ahead}`, { ahead }))
    const restarting = app('restarting')
    for (const { selector } of [...wrong, restarting]) {
      await eventually(
        async () => expect(await value(`rate(steady_total{${selector}}[20s])`)).toBeCloseTo(1, 0),
        120_000,
      )
    }
    restarting.die()
    restarting.restart()
    const at = await value(`timestamp(steady_total{${restarting.selector}})`)
    for (const { selector } of [...wrong, restarting]) {
      await eventually(async () => {
        const newest = await value(`timestamp(steady_total{${selector}})`)
        expect(newest).toBeGreaterThan(at! + 4)
        expect(newest).toBeLessThanOrEqual(Date.now() / 1000)
      }, 60_000)
    }
  })
})

/** Of a target that goes down: without staleness handling its series would last for 5 minutes. */
async function expectStaleMarkers({ selector }: SteadyApp): Promise<void> {
  await becomes(`up{${selector}}`, 0)
  const [up] = await samplesOf(replicas[0]!, `up{${selector}}`)
  const [down] = up!.values.findLast(
    ([, state], i, all) => state === '0' && all[i - 1]?.[1] === '1',
  )!
  expect(await value(`steady_total{${selector}}`, (down - 1) / 1000)).toBeDefined()
  expect(await value(`steady_total{${selector}}`, down / 1000)).toBeUndefined()
}
