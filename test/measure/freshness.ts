import { join } from 'node:path'
import { freePort } from '../../dev/local/ports.js'
import type { LocalPrometheus } from '../../dev/local/prometheus.js'
import type { Bench } from '../bench/pipeline.js'
import { ShardProcess } from '../bench/shard.js'
import type { Row } from '../bench/table.js'
import type { SteadyApp } from '../support/steady-app.js'
import { percentile, seconds, until, World } from './world.js'

const APPS = 60
const INTERVAL_MS = 5000
/** D may change while the scrapers are new. */
const SETTLE_SECONDS = 150

/**
 * Measures the time from the collection of a sample until it can be queried, as stored by real
 * Prometheus servers: with one, and with two of different phases. The apps are spread over all
 * phases of the interval.
 *
 * @param against folder of another built checkout that reads the same records, and serves them meanwhile
 */
export async function freshness(
  bench: Bench,
  against?: string,
  minutes = Number(process.env.MINUTES ?? 5),
): Promise<Row[]> {
  const world = await World.start(bench)
  const programs: [string, string | undefined][] = [['', undefined]]
  if (against) programs.push([`, ${against}`, join(against, 'dist/cli/main.js')])
  const shards: ShardProcess[] = []
  try {
    const apps: SteadyApp[] = []
    for (let i = 0; i < APPS; i++) {
      const labels = { job: 'fresh', instance: `${i}` }
      apps.push(world.app({ labels, intervalMs: INTERVAL_MS }))
      await seconds(INTERVAL_MS / 1000 / APPS)
    }
    const cases: { name: string; servers: LocalPrometheus[] }[] = []
    for (const [name, program] of programs) {
      for (const count of [1, 2]) {
        const group = `fresh-${shards.length}`
        const port = await freePort()
        const shard = ShardProcess.start(bench.brokers, world.topic, port, [], program, group)
        shards.push(shard)
        await shard.ready()
        const servers: LocalPrometheus[] = []
        for (let n = 0; n < count; n++) servers.push(await scraping(world, shard, `${n}`))
        cases.push({ name: `${count} Prometheus${name}`, servers })
      }
    }
    for (const { servers } of cases)
      for (const server of servers)
        await until(async () => (await server.query('up == 1')).length === APPS)
    await seconds(SETTLE_SECONDS + minutes * 60)
    const rows: Row[] = []
    for (const { name, servers } of cases) rows.push(await row(name, servers, apps, minutes))
    return rows
  } finally {
    await world.stop()
    for (const shard of shards) await shard.stop()
  }
}

/** The external label decides the phase of a scrape, with the labels of the target. */
const scraping = (world: World, shard: ShardProcess, replica: string) =>
  world.prometheus(
    '5s',
    [
      {
        job_name: 'fresh',
        http_sd_configs: [{ url: `${shard.url}/sd`, refresh_interval: '2s' }],
      },
    ],
    { external_labels: { replica } },
  )

async function row(
  name: string,
  servers: readonly LocalPrometheus[],
  apps: readonly SteadyApp[],
  minutes: number,
): Promise<Row> {
  const ages: number[] = []
  const errors: number[] = []
  let repeated = 0
  let skipped = 0
  let older = 0
  const end = Date.now() / 1000
  for (const server of servers) {
    const stored = await server.samples(`steady_total{job="fresh"}[${minutes * 60}s]`, end)
    for (const { metric, values } of stored) {
      const app = apps.find(({ labels }) => labels.instance === metric.instance)!
      let before = Number.NaN
      for (const [at, value] of values) {
        const collected = app.began / 1000 + Number(value)
        ages.push(at - collected)
        const later = Math.round((collected - before) / (INTERVAL_MS / 1000))
        if (later < 0) older++
        else if (later === 0) repeated++
        else if (later > 1) skipped += later - 1
        before = collected
      }
    }
    const times = { start: end - minutes * 60 + 60, end, step: 1 }
    for (const { values } of await server.queryRange('rate(steady_total{job="fresh"}[1m])', times))
      for (const [, rate] of values) errors.push(Math.abs(Number(rate) - 1) * 100)
  }
  const mean = ages.reduce((sum, age) => sum + age, 0) / ages.length
  return {
    work: `collection of a sample until it is stored, p50 / p99, ${name}`,
    figure: `${percentile(ages, 0.5).toFixed(2)} / ${percentile(ages, 0.99).toFixed(2)} s`,
    goal: '2.8 / 5.3 s',
    note: `mean ${mean.toFixed(2)} s; ${ages.length} samples of ${apps.length} targets, every ${INTERVAL_MS / 1000} s; ${repeated} repeated, ${skipped} skipped, ${older} older than the one before; error of rate() over 1 m, p50/p99: ${percentile(errors, 0.5).toFixed(2)}/${percentile(errors, 0.99).toFixed(2)} %`,
  }
}
