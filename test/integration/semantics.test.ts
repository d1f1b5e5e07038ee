import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LoadBalancer } from '../../dev/local/load-balancer.js'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import type { TargetStatus } from '../../exposer/core/status.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { DEFAULT_LIMITS } from '../../shared/metrics/limits.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { readLedger } from '../support/ledger.js'
import { partOrSkip } from '../support/or-skip.js'
import { startShard } from '../support/shards.js'
import { SteadyApp, type SteadyAppOptions } from '../support/steady-app.js'

/**
 * Tests the rows of docs/semantics.md: the samples that Prometheus stores for each event of an app
 * or a shard. All tests share one Prometheus and two shards. The apps publish every second.
 */
const SAMPLES = 200
const SAMPLE_LIMIT = 150
/** Interval and scrape timeout of apps that never fail: shorter ones do on a busy machine. */
const PATIENT_MS = 5000
const ODD = 'ü/ "x" a+b%41&c=d\\ {}'

let balancer: LoadBalancer
let prometheus: LocalPrometheus
let settings: { topic: string; group: string }
const shards: Exposer[] = []
const apps: SteadyApp[] = []

const app = (
  instance: string,
  options: Omit<SteadyAppOptions, 'labels'> & { labels?: Record<string, string> } = {},
) => {
  const labels = { job: 'semantics', instance, ...options.labels }
  const one = new SteadyApp(newSender(settings.topic), { ...options, labels }).start()
  apps.push(one)
  return one
}
const shard = () =>
  startShard(settings, {
    externalUrl: balancer.url,
    playoutDelay: 'auto',
    limits: { ...DEFAULT_LIMITS, samples: SAMPLES },
  })
/** The value of an instant query with one result. Undefined if there is no result. */
const value = async (promql: string): Promise<number | undefined> => {
  const [sample] = await prometheus.query(promql)
  return sample && Number(sample.value[1])
}
const becomes = (promql: string, wanted: number | undefined, within?: number) =>
  eventually(async () => expect(await value(promql), promql).toBe(wanted), within)
const status = async (one: SteadyApp): Promise<TargetStatus & { shard: string }> => {
  const answer = (await (await fetch(`${balancer.url}/api/v1/targets`)).json()) as {
    data: { targets: (TargetStatus & { shard: string })[] }
  }
  const found = answer.data.targets.find(target => target.labels.instance === one.labels.instance)
  if (!found) throw new Error(`${one.labels.instance} is not listed`)
  return found
}
/** Waits until scrapes of the target fail with this error: on a busy machine some time out. */
const failsWith = (instance: string, error: string) =>
  eventually(async () => {
    const targets = await prometheus.targets()
    expect(targets.find(({ labels }) => labels.instance === instance)?.lastError).toContain(error)
  })
/** Expects that the target has been scraped since then and that no scrape has failed. */
const expectNeverDown = async (one: SteadyApp, since: number) => {
  const least = await eventually(async () => {
    const seconds = Math.max(4, Math.ceil((Date.now() - since) / 1000))
    const found = await value(`min_over_time(up{${one.selector}}[${seconds}s])`)
    expect(found).toBeDefined()
    return found
  })
  expect(least).toBe(1)
}

const binary = await partOrSkip('prometheus')

beforeAll(async () => {
  settings = { topic: await newTopic(6), group: name('semantics') }
  balancer = await LoadBalancer.start()
  shards.push(await shard(), await shard())
  balancer.setBackends(shards.map(one => one.url))
  prometheus = await startPrometheus({
    config: {
      global: {
        scrape_interval: '1s',
        scrape_timeout: '1s',
        scrape_protocols: ['PrometheusText1.0.0'],
      },
      scrape_configs: [
        {
          job_name: 'kafka',
          sample_limit: SAMPLE_LIMIT,
          http_sd_configs: [{ url: `${balancer.url}/sd`, refresh_interval: '1s' }],
        },
      ],
    },
  })
})

afterAll(async () => {
  await Promise.all(apps.map(one => one.stop()))
  await prometheus?.stop()
  await Promise.all(shards.map(one => one.stop()))
  await balancer?.stop()
})

describe.skipIf(binary === null)('what Prometheus shows', { concurrent: true }, () => {
  test('late: up is 0, and its series end at once, not five minutes later', async () => {
    const late = app('late')
    await becomes(`up{${late.selector}}`, 1)
    late.die()
    await eventually(async () => expect((await status(late)).state).toBe('stale'))
    await becomes(`up{${late.selector}}`, 0)
    expect(await value(`steady_total{${late.selector}}`)).toBeUndefined()
  })

  test('resumed: up is 1 again with the next scrape, after a pause and after a restart of the app', async () => {
    const resumed = app('resumed')
    for (const resume of [() => resumed.start(), () => resumed.restart()]) {
      await becomes(`up{${resumed.selector}}`, 1)
      resumed.die()
      await becomes(`up{${resumed.selector}}`, 0)
      resume()
      await becomes(`up{${resumed.selector}}`, 1)
      await eventually(async () =>
        expect(await value(`steady_total{${resumed.selector}}`)).toBeGreaterThan(0),
      )
    }
  })

  test('ended: its series end, it leaves service discovery, and up was never 0', async () => {
    const ended = app('ended', { intervalMs: PATIENT_MS })
    const since = Date.now()
    await becomes(`up{${ended.selector}}`, 1)
    await ended.end()
    await becomes(`steady_total{${ended.selector}}`, undefined)
    await eventually(async () => {
      const active = await prometheus.targets()
      expect(active.some(target => target.labels.instance === 'ended')).toBe(false)
    })
    const seconds = Math.ceil((Date.now() - since) / 1000)
    expect(await value(`min_over_time(up{${ended.selector}}[${seconds}s])`)).toBe(1)
  })

  test('failed: up is 0 with the reason, its series end at once, and it recovers by itself', async () => {
    const failing = app('failing')
    await becomes(`up{${failing.selector}}`, 1)
    failing.failure = 'the database does not answer'
    await eventually(async () =>
      expect(await status(failing)).toMatchObject({
        state: 'failed',
        reason: 'the database does not answer',
      }),
    )
    await becomes(`up{${failing.selector}}`, 0)
    expect(await value(`steady_total{${failing.selector}}`)).toBeUndefined()
    failing.failure = null
    await becomes(`up{${failing.selector}}`, 1)
    await eventually(async () =>
      expect(await value(`steady_total{${failing.selector}}`)).toBeGreaterThan(0),
    )
  })

  test('over limit: up is 0 with the reason, other targets are unaffected, and it recovers by itself', async () => {
    const neighbour = app('neighbour', { intervalMs: PATIENT_MS })
    const exploding = app('exploding')
    await becomes(`up{${exploding.selector}}`, 1)
    await becomes(`up{${neighbour.selector}}`, 1)
    const since = Date.now()
    exploding.extra = SAMPLES
    await eventually(async () =>
      expect(await status(exploding)).toMatchObject({
        state: 'over_limit',
        reason: expect.stringContaining('over the limit'),
      }),
    )
    await becomes(`up{${exploding.selector}}`, 0)
    await failsWith('exploding', '503')
    exploding.extra = 0
    await becomes(`up{${exploding.selector}}`, 1)
    await expectNeverDown(neighbour, since)
  })

  test('over sample_limit of Prometheus: the target fails as with direct scraping, and no other does', async () => {
    const bulky = app('bulky')
    const small = app('small', { intervalMs: PATIENT_MS })
    await becomes(`up{${bulky.selector}}`, 1)
    await becomes(`up{${small.selector}}`, 1)
    // The counter of the app, and the age of the snapshot.
    expect(await value(`scrape_samples_scraped{${small.selector}}`)).toBe(2)
    const since = Date.now()
    bulky.extra = SAMPLE_LIMIT
    await becomes(`up{${bulky.selector}}`, 0)
    await failsWith('bulky', 'sample limit exceeded')
    await eventually(async () => expect((await status(bulky)).state).toBe('up'))
    await expectNeverDown(small, since)
  })

  test.each([
    ['ahead', 300_000],
    ['behind', -300_000],
  ])(
    'clock %s by minutes: the target is up, the skew is counted, and other targets are unaffected',
    async (direction, ahead) => {
      const wrong = app(`clock-${direction}`, { ahead })
      const right = app(`beside-${direction}`)
      await becomes(`up{${wrong.selector}}`, 1)
      await eventually(async () =>
        expect(await value(`rate(steady_total{${wrong.selector}}[10s])`)).toBeCloseTo(1, 1),
      )
      await becomes(`up{${right.selector}}`, 1)
      expect((await status(right)).playoutSeconds).toBeLessThan(3)
      const counted = await Promise.all(
        shards.map(async one => /^exposer_clock_skewed_snapshots_total (\d+)$/m.exec(await (await fetch(`${one.url}/telemetry`)).text())![1]), // biome-ignore format: one line
      )
      expect(Math.max(...counted.map(Number))).toBeGreaterThan(0)
    },
  )

  test('odd: labels with slashes, spaces, quotes, percent signs and 3,000 characters are unchanged', async () => {
    const odd = app(ODD, {
      labels: { job: 'semantics', path: 'x'.repeat(3000), 'dotted.name': 'é' },
    })
    const select = `up{instance=${JSON.stringify(ODD)}}`
    await becomes(select, 1)
    const [sample] = await prometheus.query(select)
    expect(sample.metric).toMatchObject({
      path: 'x'.repeat(3000),
      'dotted.name': 'é',
      job: 'semantics',
    })
    await becomes(`steady_total{instance=${JSON.stringify(odd.labels.instance)}} > bool 0`, 1)
  })

  test('jitter: with propagation delays of 0 to 3 s the error of rate() is at most 1 % once D is stable', async () => {
    const jittery = app('jittery', { intervalMs: 2000, delay: () => Math.random() * 3000 })
    await becomes(`up{${jittery.selector}}`, 1)
    // D must not change for a whole window of rate().
    let changedAt = Date.now()
    let delay = 0
    // Repeated, because on a busy machine a snapshot or a scrape may be late by more than D.
    await eventually(async () => {
      const { playoutSeconds } = await status(jittery)
      if (playoutSeconds !== delay) changedAt = Date.now()
      delay = playoutSeconds
      expect(Date.now() - changedAt).toBeGreaterThan(33_000)
      const end = Date.now() / 1000
      const [series] = await prometheus.queryRange(`rate(steady_total{${jittery.selector}}[30s])`, {
        start: end - 2,
        end,
        step: 0.25,
      })
      const errors = series.values.map(([, rate]) => Math.abs(Number(rate) - 1))
      expect(Math.max(...errors)).toBeLessThanOrEqual(0.01)
    }, 200_000)
    expect(delay).toBeGreaterThan(1)
  })
})

describe.skipIf(binary === null)('when shards join and leave', () => {
  test('moved: no scrape fails, and no series exists twice', async () => {
    const moving = Array.from({ length: 12 }, (_, i) =>
      app(`moving-${i}`, { intervalMs: PATIENT_MS }),
    )
    for (const one of moving) await becomes(`up{${one.selector}}`, 1)
    const since = Date.now()
    const before = await Promise.all(moving.map(status))
    const third = await shard()
    shards.push(third)
    balancer.setBackends(shards.map(one => one.url))
    await eventually(async () => {
      const now = await Promise.all(moving.map(status))
      expect(now.some((row, i) => row.shard === third.url && before[i].shard !== third.url)).toBe(
        true,
      )
      expect(now.every(row => row.state === 'up')).toBe(true)
    })
    // As in a rolling restart, the load balancer is updated last.
    const [leaving] = shards.splice(0, 1)
    await leaving.stop()
    balancer.setBackends(shards.map(one => one.url))
    await eventually(async () => {
      const now = await Promise.all(moving.map(status))
      expect(now.every(row => row.state === 'up' && row.shard !== leaving.url)).toBe(true)
    })
    // Wait for scrapes after the last move.
    const moved = Date.now() / 1000
    for (const one of moving) {
      await eventually(async () => {
        const [sample] = await prometheus.query(`timestamp(steady_total{${one.selector}})`)
        expect(Number(sample?.value[1])).toBeGreaterThan(moved)
      })
    }
    for (const one of moving) await expectNeverDown(one, since)
    const [twice] = await prometheus.query(
      `max(count by (instance) (steady_total{job="semantics"}))`,
    )
    expect(twice.value[1]).toBe('1')
  })

  test('no shard has missed a snapshot, and each has written some', async () => {
    for (const one of shards) {
      const { total } = await readLedger(one.url)
      expect(total.missed).toBe(0)
      expect(total.written).toBeGreaterThan(0)
    }
  })
})
