import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LocalPrometheus } from '../../deploy/local/prometheus.js'
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

/**
 * How far rate() of a counter with rate 1 errs when what was appended is applied late, each record by another time: played to virtual targets, in the massive view (the newest value, stamped at the
 * scrape), and scraped directly; evaluated every second as a dashboard would, and again afterwards.
 */
export async function rates(bench: Bench, settleMinutes = 4, measureMinutes = 3): Promise<Row[]> {
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
    const prometheus = await worlds[0].prometheus('5s', [...virtual, ...more])
    await seconds(settleMinutes * 60)
    const live = await evaluateLive(prometheus, measureMinutes * 60)
    const end = Date.now() / 1000
    const rows: Row[] = []
    for (const ms of INTERVALS) {
      for (const [w, [name]] of WAYS.entries()) {
        for (const [kind, selector] of [
          ['virtual target', `instance="${ms}-${w}",view=""`],
          ['massive, latest', `instance="${ms}-${w}",view="massive"`],
        ]) {
          rows.push(
            await row(prometheus, live, kind, `${name}, every ${ms / 1000} s`, selector, end, measureMinutes),
          )
        }
      }
      rows.push(
        await row(
          prometheus,
          live,
          'scraped directly',
          `every ${ms / 1000} s`,
          `job="direct-${ms}"`,
          end,
          measureMinutes,
        ),
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
      live.get(range)!.push(...samples.map(({ metric, value }) => ({ metric, value: Number(value[1]) })))
    }
  }
  return live
}

async function row(
  prometheus: LocalPrometheus,
  live: Live,
  kind: string,
  what: string,
  selector: string,
  end: number,
  minutes: number,
): Promise<Row> {
  const matchers = [...selector.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value] as const)
  const texts: string[] = []
  for (const range of RANGES) {
    const now = live
      .get(range)!
      .filter(({ metric }) => matchers.every(([name, value]) => (metric[name] ?? '') === value))
      .map(one => Math.abs(one.value - 1) * 100)
    const history = await prometheus.queryRange(`rate(steady_total{${selector}}[${range}])`, {
      start: end - minutes * 60,
      end,
      step: 1,
    })
    const then = history.flatMap(series => series.values.map(([, rate]) => Math.abs(Number(rate) - 1) * 100))
    const text = (errors: number[]) =>
      errors.length
        ? `${percentile(errors, 0.5).toFixed(2)}/${percentile(errors, 0.99).toFixed(2)}`
        : 'no value'
    texts.push(`[${range}] ${text(now)} %, in history ${text(then)} %`)
  }
  return {
    work: `rate() error, ${kind}, ${what}`,
    figure: texts.join('; '),
    goal: kind === 'virtual target' ? 'p99 ≤ 1 %' : '',
    note: 'p50/p99 of one value a second',
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
