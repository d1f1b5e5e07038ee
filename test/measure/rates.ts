import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LocalPrometheus } from '../../dev/local/prometheus.js'
import type { Bench } from '../bench/pipeline.js'
import type { Row } from '../bench/table.js'
import { DelayedShard } from './delayed-shard.js'
import { percentile, seconds, World } from './world.js'

const WAYS: [string, () => number][] = [
  ['1 s', () => 1000],
  ['uniform 0–3 s', () => Math.random() * 3000],
  ['uniform 0–12 s', () => Math.random() * 12_000],
  ['heavy tail to 12 s', () => Math.min(12_000, 100 / (1 - Math.random()) ** 1.2)],
]
const INTERVALS = [1000, 5000, 15_000]

/** D has settled when that of no target has changed for so long; a heavy tail may take long to show its end. */
const SETTLED_SECONDS = 120
const SETTLE_AT_MOST_SECONDS = 900

/**
 * How far rate() of a counter with rate 1 errs when what was appended is applied late, each record by another time: played to virtual targets, in the massive view (the newest value, stamped at the
 * scrape), and scraped directly; once D has settled, evaluated every second as a dashboard would, and again afterwards, each by two Prometheus of different phases.
 */
export async function rates(bench: Bench, measureMinutes = 3): Promise<Row[]> {
  const direct = await serveDirect(Date.now())
  const worlds: World[] = []
  const shards: DelayedShard[] = []
  try {
    for (const [w, [, way]] of WAYS.entries()) {
      const world = await World.start(bench)
      worlds.push(world)
      shards.push(await DelayedShard.start(bench.brokers, world.topic, way))
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
      await worlds[0].prometheus('5s', [...virtual, ...more], { external_labels: { replica: 'a' } }),
      await worlds[0].prometheus('5s', [...virtual, ...more], { external_labels: { replica: 'b' } }),
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
      for (const [w, [name]] of WAYS.entries()) {
        for (const [kind, selector] of [
          ['virtual target', `instance="${ms}-${w}",view=""`],
          ['massive, latest', `instance="${ms}-${w}",view="massive"`],
        ]) {
          rows.push(await row(measured, kind, `${name}, every ${ms / 1000} s`, selector))
        }
      }
      rows.push(await row(measured, 'scraped directly', `every ${ms / 1000} s`, `job="direct-${ms}"`))
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
      live.get(range)!.push(...samples.map(({ metric, value }) => ({ metric, value: Number(value[1]) })))
    }
  }
  return live
}

interface Measured {
  readonly pair: readonly LocalPrometheus[]
  /** What each of the pair said every second. */
  readonly live: readonly Live[]
  /** Unix seconds at which it ended. */
  readonly end: number
  readonly minutes: number
}

/** Of the two Prometheus each percentile of the one that errs more. */
async function row(
  { pair, live, end, minutes }: Measured,
  kind: string,
  what: string,
  selector: string,
): Promise<Row> {
  const matchers = [...selector.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value] as const)
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
    texts.push(`[${range}] ${worst(now)} %, in history ${worst(then)} %`)
  }
  return {
    work: `rate() error, ${kind}, ${what}`,
    figure: texts.join('; '),
    goal: kind === 'virtual target' ? 'p99 ≤ 1 %' : '',
    note: 'p50/p99 of one value a second',
  }
}

function worst(errors: readonly (readonly number[])[]): string {
  if (errors.some(({ length }) => length === 0)) return 'no value'
  return [0.5, 0.99].map(share => Math.max(...errors.map(one => percentile(one, share))).toFixed(2)).join('/')
}

/** Follows D of every target, as the page shows it. */
class PlayoutWatch {
  readonly #seen = new Map<string, number>()
  #changed = Date.now()
  #changes: string[] = []

  constructor(private readonly shards: readonly DelayedShard[]) {}

  async settle(): Promise<Row> {
    const began = Date.now()
    const within = () => Date.now() < began + SETTLE_AT_MOST_SECONDS * 1000
    // The first minutes are everybody's.
    while (within() && (this.#seen.size === 0 || Date.now() < this.#changed + SETTLED_SECONDS * 1000)) {
      await this.watch(1)
    }
    const figure = `${((this.#changed - began) / 1000).toFixed(0)} s`
    const note = within() ? '' : `still changing after ${SETTLE_AT_MOST_SECONDS} s: ${this.#changes.at(-1)}`
    this.#changes = []
    return { work: `until no D changed for ${SETTLED_SECONDS} s`, figure, note }
  }

  async watch(forSeconds: number): Promise<void> {
    for (const end = Date.now() + forSeconds * 1000; Date.now() < end; await seconds(1)) {
      for (const { url } of this.shards) await this.#look(url)
    }
  }

  row(): Row {
    const figure = `${this.#changes.length}`
    return { work: 'changes of D while it was measured', figure, note: this.#changes.join('; ') }
  }

  async #look(url: string): Promise<void> {
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
      if (process.env.DEBUG) process.stderr.write(`${new Date().toISOString()} ${this.#changes.at(-1)}\n`)
    }
  }
}

async function serveDirect(began: number): Promise<{ server: Server; url: string }> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end(`# TYPE steady_total counter\nsteady_total ${(Date.now() - began) / 1000}\n`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
