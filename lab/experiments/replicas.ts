import type { Experiment } from '../experiment.js'
import type { Lab } from '../harness/lab.js'
import { everyTarget, job, type LabPrometheus } from '../harness/prometheus.js'
import { median, quantile } from '../stats/quantile.js'
import type { Figure, Line, Observed, Variant } from '../types.js'
import { figureOf } from './figures.js'

/**
 * What becomes of a pair of Prometheus that scrape the same. Each replica reads every variant; what one of them has is held against what the apps published, their answers
 * against each other, and then one of them is killed behind a balancer that had sent its client there.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  readonly apps: number
  readonly measureSeconds: number
  readonly window: string
}

const WAYS = ['direct', 'naive', 'naive with timestamps', 'ours'] as const
/** Ours has two ways that agree: a virtual target for each app, and every sample in one massive target by `?scraper=`. */
const ALL = 'every sample (view=all)'
const HELD = 'samples that the poorer replica has, of all'

export const replicas: Experiment<Parameters> = {
  name: 'replicas',
  title: 'Replicas: do two Prometheus say the same',
  question: 'With a pair of Prometheus for high availability, does each of them have everything?',
  short: { intervalSeconds: 2, apps: 6, measureSeconds: 75, window: '20s' },
  full: { intervalSeconds: 5, apps: 20, measureSeconds: 420, window: '1m' },
  reduced: { intervalSeconds: 1, apps: 2, measureSeconds: 14, window: '5s' },

  estimate: ({ measureSeconds }) => 45 + measureSeconds,

  async run(lab, parameters): Promise<Observed> {
    const { measureSeconds, window, intervalSeconds } = parameters
    const pair = await arrange(lab, parameters)
    lab.say('both replicas scrape the same')
    await lab.pause(measureSeconds)
    lab.share(0.8)
    // What was collected last may not have been scraped by both yet.
    const end = Date.now() / 1000 - 2 - 2 * intervalSeconds
    const start = end - measureSeconds / 2
    const shares = await sharesOf(pair, start, end)
    const divergence = await divergenceOf(pair, window, start, end)
    lab.say('the replica that the client was sent to is killed')
    await pair[0].stop()
    return {
      figures: [...shares, ...divergence.figures],
      plots: divergence.plots,
      notMeasured: [],
    }
  },

  judge({ figures }) {
    const has = (variant: Variant, setting?: string) => median(figureOf(figures, HELD, variant, setting))
    const apart = (variant: Variant) =>
      median(figureOf(figures, 'what a client sees change when its replica dies, p99', variant, ''))
    const known = (...values: number[]) => values.every(value => Number.isFinite(value))
    const percent = (value: number) => `${value.toFixed(1)} %`
    return [
      {
        claim: 'Drained by each scrape, a pair of Prometheus share the samples out among themselves',
        holds: known(has('naive with timestamps')) ? has('naive with timestamps') < 80 : null,
        because: `the poorer replica has ${percent(has('naive with timestamps'))} of the samples`,
      },
      {
        claim: 'With ours each replica has everything',
        holds: known(has('ours', ''), has('ours', ALL))
          ? has('ours', '') >= 97 && has('ours', ALL) >= 99.9
          : null,
        because: `virtual targets ${percent(has('ours', ''))}, every sample by view=all ${percent(has('ours', ALL))}, scraped directly ${percent(has('direct'))}`,
      },
      {
        claim: 'A client whose replica dies sees no other rate() at the next one',
        holds: known(apart('ours')) ? apart('ours') <= 5 : null,
        because: `p99 of the difference between the replicas: ${percent(apart('ours'))} with ours, ${percent(apart('naive'))} naive, ${percent(apart('direct'))} directly`,
      },
    ]
  },
}

async function arrange(
  lab: Lab,
  { intervalSeconds, apps: targets }: Parameters,
): Promise<[LabPrometheus, LabPrometheus]> {
  lab.say('starting a Kafka, exposers, apps and two Prometheus')
  const cluster = await lab.cluster()
  const topics = { ours: await cluster.topic(), naive: await cluster.topic() }
  const app = await lab.app('apps', {
    job: 'lab',
    instance: 'app',
    targets,
    series: 10,
    intervalMs: intervalSeconds * 1000,
    counter: 'constant',
    began: Date.now(),
    brokers: cluster.brokers,
    topics,
    way: { kind: 'none', seconds: 0 },
    seed: lab.seed,
  })
  const ours = await lab.ours(cluster, topics.ours, { shards: 2 })
  const stamped = await lab.naive(cluster, topics.naive)
  const timestamped = await lab.naive(cluster, topics.naive, { timestamps: true })
  const interval = `${intervalSeconds}s`
  const start = (replica: string) =>
    lab.prometheus({
      global: everyTarget(interval),
      storage: { tsdb: { out_of_order_time_window: '30m' } },
      scrape_configs: [
        job.direct(interval, [app.process]),
        job.massive('naive', interval, [stamped]),
        job.massive('naive with timestamps', interval, [timestamped]),
        job.ours(ours),
        job.massive('ours', interval, ours.shards, {
          job_name: 'all',
          params: { view: ['all'], scraper: [replica] },
          track_timestamps_staleness: true,
          relabel_configs: [
            { target_label: 'variant', replacement: 'ours' },
            { target_label: 'way', replacement: ALL },
          ],
        }),
      ],
    })
  const pair: [LabPrometheus, LabPrometheus] = [await start('one'), await start('two')]
  await lab.until('both replicas see every app, scraped directly and by ours', async () => {
    for (const replica of pair) {
      const seen = await replica.query('lab_work_total{variant=~"direct|ours"}')
      if (seen.length < 3 * targets) return false
    }
    return true
  })
  return pair
}

/**
 * How much of what both replicas have together the poorer one has: by the values of a counter that never stands still, so that no two samples of an app are the
 * same. Scraped directly each scrape is a sample of its own, and both have their own.
 */
async function sharesOf(pair: readonly LabPrometheus[], start: number, end: number): Promise<Figure[]> {
  const seconds = Date.now() / 1000 - start + 1
  const held = await Promise.all(pair.map(replica => replica.stored('lab_work_total', seconds)))
  const figures = new Map<string, Figure & { values: number[] }>()
  for (const key of new Set(held.flatMap(one => [...one.keys()]))) {
    const metric = JSON.parse(key) as Record<string, string>
    const sets = held.map(one => {
      const within = (one.get(key) ?? []).filter(([at]) => at >= start && at <= end)
      return new Set(within.map(([, value]) => value))
    })
    const variant = metric.variant as Variant
    const setting = metric.way ?? ''
    const own = sets.map(set => set.size)
    const all = variant === 'direct' ? Math.max(...own) : new Set(sets.flatMap(set => [...set])).size
    if (all === 0) continue
    const known = figures.get(variant + setting)
    const figure = known ?? { name: HELD, variant, setting, unit: '%', values: [] }
    figure.values.push((100 * Math.min(...own)) / all)
    figures.set(variant + setting, figure)
  }
  return [...figures.values()]
}

/** An answer for each second; where there is none, 0. */
function everySecond(values: readonly [number, string][], start: number, end: number): Line['points'] {
  const known = new Map(values.map(([at, value]) => [Math.round(at - start), Number(value)]))
  return Array.from(
    { length: Math.floor(end - start) + 1 },
    (_, second) => [second, known.get(second) ?? 0] as const,
  )
}

async function divergenceOf(pair: readonly LabPrometheus[], window: string, start: number, end: number) {
  const answers = await Promise.all(
    pair.map(replica => replica.queryRange(`rate(lab_work_total[${window}])`, { start, end, step: 1 })),
  )
  const figures: Figure[] = []
  const lines: Line[] = []
  for (const variant of WAYS) {
    for (const setting of variant === 'ours' ? ['', ALL] : ['']) {
      const of = (replica: number) =>
        new Map(
          answers[replica]
            .filter(({ metric }) => metric.variant === variant && (metric.way ?? '') === setting)
            .flatMap(({ metric, values }) =>
              values.map(([at, value]) => [`${metric.instance} ${Math.round(at)}`, Number(value)] as const),
            ),
        )
      const [one, two] = [of(0), of(1)]
      const keys = new Set([...one.keys(), ...two.keys()])
      // Where one has no answer and the other has, they differ by all of it.
      const differences = [...keys].map(key => 10 * Math.abs((one.get(key) ?? 0) - (two.get(key) ?? 0)))
      const name = 'what a client sees change when its replica dies, p99'
      const value = quantile(differences, 0.99)
      figures.push({ name, variant, setting, unit: '%', values: Number.isNaN(value) ? [] : [value] })
      if (setting === '') {
        for (const [i, label] of ['one', 'two'].entries()) {
          const [first] = answers[i].filter(({ metric }) => metric.variant === variant && !metric.way)
          if (variant === 'direct' || variant === 'naive with timestamps') continue
          lines.push({
            variant,
            label: `replica ${label}`,
            points: everySecond(first?.values ?? [], start, end),
          })
        }
      }
    }
  }
  const plots: Observed['plots'] = [
    {
      kind: 'time',
      title: `rate(x[${window}]) of one app, at both replicas`,
      caption: 'What a client sees when a balancer sends it to the other one. No answer is drawn as 0.',
      x: 'seconds',
      y: 'per second',
      lines,
    },
  ]
  return { figures, plots }
}
