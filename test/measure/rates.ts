import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LocalPrometheus } from '../../dev/local/prometheus.js'
import type { Bench } from '../bench/pipeline.js'
import type { Row } from '../bench/table.js'
import { DelayedShard } from './delayed-shard.js'
import { percentile, seconds, World } from './world.js'

/** Distributions of the delay from append to apply, ms. */
const DELAYS: [string, () => number][] = [
  ['1 s', () => 1000],
  ['uniform 0–3 s', () => Math.random() * 3000],
  ['uniform 0–12 s', () => Math.random() * 12_000],
  ['heavy tail to 12 s', () => Math.min(12_000, 100 / (1 - Math.random()) ** 1.2)],
]
const INTERVALS = [1000, 5000, 15_000]

/**
 * D has settled if it has not changed for any target for this time. With a heavy tail this may take
 * long.
 */
const SETTLED_SECONDS = 120
const SETTLE_AT_MOST_SECONDS = 900

/**
 * Measures the error of rate() for a counter with rate 1 and delayed records: with virtual targets,
 * with the massive view `latest`, and with direct scraping. Once D has settled, two Prometheus with
 * different phases evaluate it every second, as a dashboard does, and again as a range query
 * afterwards.
 */
export async function rates(bench: Bench, measureMinutes = 3): Promise<Row[]> {
  const direct = await serveDirect(Date.now())
  const worlds: World[] = []
  const shards: DelayedShard[] = []
  try {
    for (const [w, [, delay]] of DELAYS.entries()) {
      const world = await World.start(bench)
      worlds.push(world)
      shards.push(await DelayedShard.start(bench.brokers, world.topic, delay))
      for (const intervalMs of INTERVALS) {
        world.app({ labels: { job: 'steady', instance: `${intervalMs}-${w}` }, intervalMs })
      }
    }
    const more = INTERVALS.flatMap(ms => [
      {
        job_name: `direct-${ms}`,
        scrape_interval: `${ms}ms`,
        scrape_timeout: `${Math.min(10_000, ms)}ms`,
        static_configs: [{ targets: [new URL(direct.url).host] }],
      },
      {
        job_name: `massive-${ms}`,
        scrape_interval: `${ms}ms`,
        scrape_timeout: `${Math.min(10_000, ms)}ms`,
        honor_labels: true,
        static_configs: [{ targets: shards.map(shard => new URL(shard.url).host) }],
        metric_relabel_configs: [
          { source_labels: ['__name__'], regex: 'steady_total', action: 'keep' },
          { source_labels: ['instance'], regex: `${ms}-.*`, action: 'keep' },
          { target_label: 'view', replacement: 'massive' },
        ],
      },
    ])
    const virtual = shards.map(({ url }, i) => ({
      job_name: `virtual-${i}`,
      http_sd_configs: [{ url: `${url}/sd`, refresh_interval: '2s' }],
    }))
    const pair = [
      await worlds[0].prometheus('5s', [...virtual, ...more], {
        external_labels: { replica: 'a' },
      }),
      await worlds[0].prometheus('5s', [...virtual, ...more], {
        external_labels: { replica: 'b' },
      }),
    ]
    const delays = new PlayoutWatch(shards)
    const settled = await delays.settle()
    const [live] = await Promise.all([
      Promise.all(pair.map(prometheus => evaluateLive(prometheus, measureMinutes * 60))),
      delays.watch(measureMinutes * 60),
    ])
    const end = Date.now() / 1000
    const rows: Row[] = [settled, delays.row()]
    const measured = { pair, live, end, minutes: measureMinutes }
    for (const ms of INTERVALS) {
      for (const [w, [name]] of DELAYS.entries()) {
        for (const [kind, selector] of [
          ['virtual target', `instance="${ms}-${w}",view=""`],
          ['massive, latest', `instance="${ms}-${w}",view="massive"`],
        ]) {
          rows.push(await row(measured, kind, `${name}, every ${ms / 1000} s`, selector))
        }
      }
      rows.push(
        await row(measured, 'scraped directly', `every ${ms / 1000} s`, `job="direct-${ms}"`),
      )
    }
    return rows
  } finally {
    direct.server.close()
    for (const world of worlds) await world.stop()
    for (const shard of shards) await shard.stop()
  }
}

const RANGES = ['30s', '2m']
type Live = Map<string, { readonly metric: Record<string, string>; readonly value: number }[]>

async function evaluateLive(prometheus: LocalPrometheus, forSeconds: number): Promise<Live> {
  const live: Live = new Map(RANGES.map(range => [range, []]))
  for (const end = Date.now() + forSeconds * 1000; Date.now() < end; await seconds(1)) {
    for (const range of RANGES) {
      const samples = await prometheus.query(`rate(steady_total[${range}])`)
      live
        .get(range)!
        .push(...samples.map(({ metric, value }) => ({ metric, value: Number(value[1]) })))
    }
  }
  return live
}

interface Measured {
  readonly pair: readonly LocalPrometheus[]
  /** The values of each Prometheus, evaluated every second. */
  readonly live: readonly Live[]
  /** End of the measurement, Unix seconds. */
  readonly end: number
  readonly minutes: number
}

/** Each percentile is that of the Prometheus with the larger error. */
async function row(
  { pair, live, end, minutes }: Measured,
  kind: string,
  what: string,
  selector: string,
): Promise<Row> {
  const matchers = [...selector.matchAll(/(\w+)="([^"]*)"/g)].map(
    ([, name, value]) => [name, value] as const,
  )
  const texts: string[] = []
  for (const range of RANGES) {
    const now = live.map(one =>
      one
        .get(range)!
        .filter(({ metric }) => matchers.every(([name, value]) => (metric[name] ?? '') === value))
        .map(({ value }) => Math.abs(value - 1) * 100),
    )
    const promql = `rate(steady_total{${selector}}[${range}])`
    const times = { start: end - minutes * 60, end, step: 1 }
    const history = await Promise.all(pair.map(prometheus => prometheus.queryRange(promql, times)))
    const then = history.map(found =>
      found.flatMap(series => series.values.map(([, rate]) => Math.abs(Number(rate) - 1) * 100)),
    )
    texts.push(`[${range}] ${worst(now)} %, as range query ${worst(then)} %`)
  }
  return {
    work: `rate() error, ${kind}, ${what}`,
    figure: texts.join('; '),
    goal: kind === 'virtual target' ? 'p99 ≤ 1 %' : '',
    note: 'p50/p99 of one value per second',
  }
}

function worst(errors: readonly (readonly number[])[]): string {
  if (errors.some(({ length }) => length === 0)) return 'no value'
  return [0.5, 0.99]
    .map(share => Math.max(...errors.map(one => percentile(one, share))).toFixed(2))
    .join('/')
}

/** Records the changes of D of all targets. */
class PlayoutWatch {
  readonly #seen = new Map<string, number>()
  #changed = Date.now()
  #changes: string[] = []

  constructor(private readonly shards: readonly DelayedShard[]) {}

  async settle(): Promise<Row> {
    const start = Date.now()
    const within = () => Date.now() < start + SETTLE_AT_MOST_SECONDS * 1000
    while (
      within() &&
      (this.#seen.size === 0 || Date.now() < this.#changed + SETTLED_SECONDS * 1000)
    ) {
      await this.watch(1)
    }
    const figure = `${((this.#changed - start) / 1000).toFixed(0)} s`
    const note = within()
      ? ''
      : `still changing after ${SETTLE_AT_MOST_SECONDS} s: ${this.#changes.at(-1)}`
    this.#changes = []
    return {
      work: `time to the last change of D before ${SETTLED_SECONDS} s without one`,
      figure,
      note,
    }
  }

  async watch(forSeconds: number): Promise<void> {
    for (const end = Date.now() + forSeconds * 1000; Date.now() < end; await seconds(1)) {
      for (const { url } of this.shards) await this.#check(url)
    }
  }

  row(): Row {
    const figure = `${this.#changes.length}`
    return { work: 'changes of D during the measurement', figure, note: this.#changes.join('; ') }
  }

  async #check(url: string): Promise<void> {
    const response = await fetch(`${url}/api/v1/targets`)
    const { data } = (await response.json()) as {
      data: { targets: { labels: Record<string, string>; playoutSeconds: number }[] }
    }
    for (const { labels, playoutSeconds } of data.targets) {
      const before = this.#seen.get(labels.instance)
      this.#seen.set(labels.instance, playoutSeconds)
      if (before === undefined || Math.abs(before - playoutSeconds) < 0.01) continue
      this.#changed = Date.now()
      this.#changes.push(`${labels.instance} ${before.toFixed(2)} → ${playoutSeconds.toFixed(2)} s`)
      if (process.env.DEBUG)
        process.stderr.write(`${new Date().toISOString()} ${this.#changes.at(-1)}\n`)
    }
  }
}

async function serveDirect(start: number): Promise<{ server: Server; url: string }> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end(`# TYPE steady_total counter\nsteady_total ${(Date.now() - start) / 1000}\n`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
