import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { workerPython } from '../../dev/demo/worker/worker.js'
import { PrometheusApi, type Sample } from '../../dev/local/prometheus/api.js'
import { Dev, type Running } from '../support/dev.js'
import { eventually } from '../support/eventually.js'
import { orSkip, partOrSkip } from '../support/or-skip.js'
import { parseExposition } from '../support/strict-exposition.js'

const dashboards = ['kafka-exposer', 'kafka-exposer-gateway', 'kafka-exposer-agent'].map(name =>
  fileURLToPath(new URL(`../../deploy/grafana/dashboards/${name}.json`, import.meta.url)),
)

type App = Running['apps'][number]

interface TargetRow {
  readonly labels: Readonly<Record<string, string>>
  readonly state: string
  readonly shard: string
}

/**
 * Runs the pipeline of `npm start` on the brokers of this test run, and queries its Prometheus.
 */
const prometheusPath = await partOrSkip('prometheus')
const python = await orSkip("Python's client library", workerPython)
const agentJobs = ['node', ...(python === null ? [] : ['worker'])]
describe.skipIf(prometheusPath === null)('the pipeline', () => {
  let dev: Dev
  let running: Running
  let prometheus: PrometheusApi

  beforeAll(async () => {
    dev = Dev.start(['--json'], { env: { KAFKA_BROKERS: inject('brokers').join(',') } })
    running = await dev.running()
    prometheus = new PrometheusApi(running.prometheus!.url)
  })

  afterAll(() => dev?.stop())

  const selector = ({ job, instance }: App): string => `job="${job}",instance="${instance}"`

  const targets = async (url: string): Promise<TargetRow[]> => {
    const response = await fetch(`${url}/api/v1/targets?scope=group`)
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return ((await response.json()) as { data: { targets: TargetRow[] } }).data.targets
  }

  /** Values of the series at the app's own /metrics. */
  const exposed = async ({ url }: App): Promise<Map<string, number>> => {
    const text = await (await fetch(`${url}/metrics`)).text()
    const samples = parseExposition(text).flatMap(family => family.samples)
    return new Map(samples.map(({ name, labels, value }) => [seriesKey(name, labels), value]))
  }

  /**
   * Values of the app's series in Prometheus, without those that Prometheus and the exposer add.
   */
  const stored = async (app: App): Promise<Map<string, number>> => {
    const samples = await prometheus.query(`{${selector(app)},__name__!~"up|scrape_.*|exposer_.*"}`)
    return new Map(samples.map(sample => [storedKey(sample), Number(sample.value[1])]))
  }

  test('Prometheus has every demo app as one target that is up and has a request rate', async () => {
    expect(running.apps.map(app => app.job)).toEqual(['shop', 'payments', 'catalog'])
    expect(running.exposers).toHaveLength(2)
    for (const app of running.apps) {
      // Repeated, because a scrape may fail on a busy machine.
      await eventually(async () => {
        const up = await prometheus.query(`up{${selector(app)}}`)
        expect(up.map(sample => sample.value[1])).toEqual(['1'])
        const rates = `sum(rate(http_requests_total{${selector(app)}}[1m]))`
        const [rate] = await prometheus.query(rates)
        expect(Number(rate?.value[1])).toBeGreaterThan(0)
      })
    }
  })

  test('Prometheus stores exactly the series of the app, with counters between two direct scrapes', async () => {
    const [app] = running.apps
    const before = await exposed(app)
    const counters = [...before].filter(([series]) => series.startsWith('http_requests_total{'))
    expect(before.size).toBeGreaterThan(50)
    expect(counters.length).toBeGreaterThan(2)
    const seen = await eventually(async () => {
      const now = await stored(app)
      // Once a later snapshot has been scraped, all earlier series are stored.
      for (const [series, value] of counters)
        expect(now.get(series), series).toBeGreaterThanOrEqual(value)
      expect([...before.keys()].filter(series => !now.has(series))).toEqual([])
      return now
    }, 60_000)
    const after = await exposed(app)
    expect([...seen.keys()].filter(series => !after.has(series))).toEqual([])
    for (const [series] of counters)
      expect(seen.get(series)).toBeLessThanOrEqual(after.get(series)!)
  })

  test('Prometheus has the targets of the agent: this machine, and a worker that it scrapes', async () => {
    for (const job of agentJobs)
      await eventually(async () => {
        const up = await prometheus.query(`up{job="${job}"}`)
        expect(up.map(({ value }) => value[1])).toEqual(['1'])
      })
    const [host] = await prometheus.query('node_uname_info')
    expect(host.metric).toMatchObject({ job: 'node', instance: hostname(), nodename: hostname() })
    if (python === null) return
    await eventually(async () => {
      const done = await prometheus.query('sum(rate(worker_job_duration_seconds_count[30s]))')
      expect(Number(done[0]?.value[1])).toBeGreaterThan(0)
    }, 60_000)
  })

  describe('every query of the Grafana dashboards has a result', () => {
    const panels = dashboards.flatMap(
      file =>
        (
          JSON.parse(readFileSync(file, 'utf8')) as {
            panels: { title: string; targets?: { expr: string }[] }[]
          }
        ).panels,
    )
    const queries = panels.flatMap(({ title, targets }) =>
      (targets ?? []).map(({ expr }) => ({ title, expr })),
    )
    /** The metrics have no series before the first refused record or push. */
    const emptyWhenHealthy = /exposer_records_rejected_total|gateway_pushes_refused_total/
    /** `npm start` has no receiver. remote-write.test.ts has one, and these queries. */
    const withReceiver = /exposer_remote_write_/

    test.each(queries)('$title: $expr', async ({ expr }) => {
      // The value that Grafana uses in the default time range.
      const promql = expr.replaceAll('$__rate_interval', '1m')
      if (emptyWhenHealthy.test(promql) || withReceiver.test(promql)) {
        expect(await prometheus.query(promql)).toEqual([])
        return
      }
      await eventually(async () => {
        const values = (await prometheus.query(promql)).map(sample => Number(sample.value[1]))
        expect(values.filter(Number.isFinite).length, `${promql} → ${values}`).toBeGreaterThan(0)
      }, 60_000)
    })
  })

  test('after a shard is killed, its targets are up again at the other shard, each listed once', async () => {
    const before = await eventually(async () => {
      const now = await targets(running.url)
      // The push group of the batch job and those of the agent are targets, too.
      expect(now).toHaveLength(running.apps.length + 1 + agentJobs.length)
      return now
    })
    const owner = before[0].shard
    const victim = running.exposers.find(shard => shard.url === owner)!
    const survivor = running.exposers.find(shard => shard.url !== owner)!
    expect(victim, `no shard at ${owner}`).toBeDefined()
    process.kill(victim.pid, 'SIGKILL')
    await eventually(async () => {
      const now = await targets(survivor.url)
      expect(now).toHaveLength(before.length)
      for (const row of now) expect(row).toMatchObject({ shard: survivor.url, state: 'up' })
    }, 90_000)
    const replacedAt = Date.now() / 1000
    for (const app of running.apps) {
      // One target per app, with samples scraped after the takeover.
      await eventually(async () => {
        const up = await prometheus.query(`up{${selector(app)}} and timestamp(up) > ${replacedAt}`)
        expect(up.map(sample => sample.value[1])).toEqual(['1'])
        const fresh = `http_requests_total{${selector(app)}} and timestamp(http_requests_total) > ${replacedAt}`
        expect(await prometheus.query(fresh)).not.toEqual([])
      }, 60_000)
    }
    await eventually(async () => {
      expect(await targets(running.url)).toHaveLength(before.length)
    })
  })
})

/** Prometheus formats `le` as a float: 1.0 for 1. */
function seriesKey(name: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) =>
    label === 'le' || label === 'quantile' ? `${label}=${Number(value)}` : `${label}=${value}`,
  )
  return `${name}{${pairs.sort().join(',')}}`
}

function storedKey({ metric: { __name__, job: _, instance: __, ...labels } }: Sample): string {
  return seriesKey(__name__, labels)
}
