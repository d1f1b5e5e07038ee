import { freePort } from '../../dev/local/ports.js'
import type { LocalPrometheus } from '../../dev/local/prometheus.js'
import type { Bench } from '../bench/pipeline.js'
import { ShardProcess } from '../bench/shard.js'
import type { Row } from '../bench/table.js'
import { type StoredSeries, samplesOf, unequal } from '../support/stored-samples.js'
import { percentile, seconds, until, World } from './world.js'

const INTERVAL_MS = 5000
const APPS = 20
const SETTLE_SECONDS = 45
const MEASURE_SECONDS = 120
const KINDS = ['playout', 'none'] as const
type Kind = (typeof KINDS)[number]

/**
 * Measures what two Prometheus servers of different phases store of the same virtual targets, with
 * and without playout times, while propagation delays vary and both shards are replaced in turn.
 */
export async function replicas(bench: Bench): Promise<Row[]> {
  const world = await World.start(bench)
  const { topic, balancer } = world
  const plain = ShardProcess.start(
    bench.brokers,
    topic,
    await freePort(),
    [],
    undefined,
    `plain-${topic}`,
  )
  try {
    const flags = ['--exposition.timestamps=playout']
    await Promise.all([plain.ready(), world.shard(flags), world.shard(flags)])
    for (let i = 0; i < APPS; i++) {
      const labels = { job: 'steady', instance: `${i}` }
      world.app({ labels, intervalMs: INTERVAL_MS, delay: () => Math.random() * 1000 })
    }
    const job = (kind: Kind, url: string) => ({
      job_name: kind,
      track_timestamps_staleness: true,
      http_sd_configs: [{ url: `${url}/sd`, refresh_interval: '2s' }],
      relabel_configs: [{ target_label: 'timestamps', replacement: kind }],
    })
    const jobs = [job('playout', balancer.url), job('none', plain.url)]
    const pair: LocalPrometheus[] = []
    for (const replica of ['a', 'b'])
      pair.push(
        await world.prometheus('5s', jobs, { external_labels: { replica } }, { own: false }),
      )
    await until(async () =>
      (await Promise.all(pair.map(one => one.query('steady_total')))).every(
        found => found.length === KINDS.length * APPS,
      ),
    )
    await seconds(SETTLE_SECONDS)
    const start = Date.now()
    const live = Promise.all(pair.map(one => evaluate(one, start + MEASURE_SECONDS * 1000)))
    for (const old of [...world.shards]) {
      await seconds(MEASURE_SECONDS / 3)
      await world.shard(flags)
      world.shards.splice(world.shards.indexOf(old), 1)
      world.updateBalancer()
      await old.stop()
    }
    const errors = await live
    await seconds(2 * (INTERVAL_MS / 1000))
    const end = start + MEASURE_SECONDS * 1000
    return (await Promise.all(KINDS.map(kind => rows(kind, pair, { start, end }, errors)))).flat()
  } finally {
    await plain.stop()
    await world.stop()
  }
}

const EXPRESSIONS = {
  now: 'rate(steady_total[30s])',
  'an interval ago': `rate(steady_total[30s] offset ${INTERVAL_MS}ms)`,
}
type Errors = Record<keyof typeof EXPRESSIONS, Record<Kind, number[]>>

/** Errors of rate() in percent, evaluated each second. */
async function evaluate(prometheus: LocalPrometheus, end: number): Promise<Errors> {
  const errors: Errors = {
    now: { playout: [], none: [] },
    'an interval ago': { playout: [], none: [] },
  }
  for (; Date.now() < end; await seconds(1)) {
    for (const [when, promql] of Object.entries(EXPRESSIONS)) {
      for (const { metric, value } of await prometheus.query(promql))
        errors[when as keyof Errors][metric.timestamps as Kind].push((Number(value[1]) - 1) * 100)
    }
  }
  return errors
}

/** Why one server does not have a sample: its scrapes while the sample was the newest one. */
function causeOf(
  sample: string,
  stored: readonly (readonly StoredSeries[])[],
  scrapes: readonly (readonly StoredSeries[])[],
): string {
  const [, instance, time, owner] = /^(\S+) \S+@(\d+), only ([ab])$/.exec(sample)!
  const at = Number(time)
  const of = (all: readonly StoredSeries[]) =>
    all.find(one => one.instance === instance)?.values ?? []
  const has = owner === 'a' ? 0 : 1
  const next = of(stored[has]!).find(([later]) => later > at)?.[0] ?? Number.POSITIVE_INFINITY
  const other = of(scrapes[1 - has]!)
  const during = other.filter(([scraped]) => scraped >= at && scraped < next)
  if (during.some(([, up]) => up === '1')) return 'left out'
  if (during.length > 0) return 'failed scrape'
  const before = other.findLast(([scraped]) => scraped < at)?.[0] ?? Number.NaN
  const after = other.find(([scraped]) => scraped >= next)?.[0] ?? Number.NaN
  return `no scrape within ${next - at} ms, the scrapes around it were ${after - before} ms apart`
}

async function rows(
  kind: Kind,
  pair: readonly LocalPrometheus[],
  { start, end }: { start: number; end: number },
  errors: readonly Errors[],
): Promise<Row[]> {
  const selector = `{timestamps="${kind}"}`
  const [a, b] = await Promise.all(
    pair.map(one => samplesOf(one, `steady_total${selector}`, start, end)),
  )
  const { samples, missing, conflicts } = unequal(a!, b!)
  const scrapes = await Promise.all(pair.map(one => samplesOf(one, `up${selector}`)))
  const causes = missing.map(sample => `${sample}: ${causeOf(sample, [a!, b!], scrapes)}`)
  const range = { start: start / 1000, end: end / 1000, step: 1 }
  const [one, two] = await Promise.all(
    pair.map(async prometheus => {
      const found = await prometheus.queryRange(`rate(steady_total${selector}[30s])`, range)
      return found.flatMap(({ metric, values }) =>
        values.map(([at, value]) => `${metric.instance} ${at} ${value}`),
      )
    }),
  )
  const both = new Set(two)
  const equal = one!.filter(point => both.has(point)).length
  const name = `two Prometheus servers, timestamps=${kind}`
  const error = (when: keyof Errors) => {
    const all = errors.flatMap(each => each[when][kind])
    const mean = all.reduce((sum, each) => sum + each, 0) / all.length
    const sizes = [0.5, 0.9, 0.99].map(share => percentile(all.map(Math.abs), share).toFixed(2))
    return `${sizes.join('/')} %, mean ${mean.toFixed(2)} %`
  }
  return [
    {
      work: `${name}: stored samples that differ`,
      figure: `${missing.length + conflicts.length} of ${samples}`,
      goal: kind === 'playout' ? '0' : '',
      note: [...conflicts, ...causes].slice(0, 6).join('; '),
    },
    {
      work: `${name}: points of a range query of rate() that differ`,
      figure: `${one!.length - equal} of ${one!.length}`,
      goal: kind === 'playout' ? '0' : '',
    },
    {
      work: `${name}: error of rate()[30s]`,
      figure: `${error('now')}; an interval ago ${error('an interval ago')}`,
      note: 'p50/p90/p99 of one value per second',
    },
  ]
}
