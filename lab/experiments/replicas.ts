import type { Experiment } from '../experiment.js'
import { isKnown, valuesOf } from '../figures.js'
import type { Lab } from '../harness/lab.js'
import { globalConfig, job, type LabPrometheus, RECEIVER_FLAGS } from '../harness/prometheus.js'
import { median, quantile } from '../stats/quantile.js'
import { type Figure, type Line, type Observations, VARIANTS, type Variant } from '../types.js'

/**
 * Two identical Prometheus servers that scrape the same targets in every variant, or are sent the
 * same samples. The samples of each replica are compared with those of both, and the results of
 * `rate()` are compared between the replicas: that is what a client behind a load balancer notices
 * when its replica dies. Then one replica is killed and restarted, and its samples of the outage
 * are compared with those of the other one.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  readonly apps: number
  readonly measureSeconds: number
  readonly window: string
  /** How long one replica is down. */
  readonly outageSeconds: number
}

/** Matches the variants that have samples of every app at both replicas. */
const LOSSLESS = 'variant=~"direct|kafka-exposer|remote write"'

type Pair = readonly [LabPrometheus, LabPrometheus]

/**
 * Setting of the figures of kafka-exposer's view `all`. Without a setting they are of virtual
 * targets.
 */
const VIEW_ALL = 'massive target, view=all'
const STORED = 'samples stored by the replica with fewer samples'
const IDENTICAL = 'samples with the same time and value at both replicas'
const DIFFERENCE = 'difference of rate() between the replicas, p99'
const FILLED = 'samples of its outage that a replica has afterwards'
/** The time before an outage that is read and drawn too. */
const MARGIN_SECONDS = 10
/** Factor from a rate to percent of the counters' rate of 10 per second. */
const PERCENT_OF_RATE = 10

export const replicas: Experiment<Parameters> = {
  name: 'replicas',
  title: 'Replicas: agreement of two Prometheus servers',
  question:
    'In a high-availability pair of Prometheus servers, does each replica have all samples?',
  short: { intervalSeconds: 2, apps: 6, measureSeconds: 75, window: '20s', outageSeconds: 20 },
  full: { intervalSeconds: 5, apps: 20, measureSeconds: 420, window: '1m', outageSeconds: 120 },
  reduced: { intervalSeconds: 1, apps: 2, measureSeconds: 14, window: '5s', outageSeconds: 4 },

  estimate: ({ measureSeconds, outageSeconds, intervalSeconds }) =>
    55 + measureSeconds + outageSeconds + 4 * intervalSeconds,

  async run(lab, parameters): Promise<Observations> {
    const { measureSeconds, window, intervalSeconds } = parameters
    const pair = await arrange(lab, parameters)
    lab.reportStep('scraping with both replicas')
    await lab.sleep(measureSeconds)
    lab.reportCompletion(0.8)
    // The newest snapshots may not have been scraped by both replicas yet.
    const end = Date.now() / 1000 - 2 - 2 * intervalSeconds
    const start = end - measureSeconds / 2
    const stored = await measureStored(pair, start, end)
    const difference = await measureDifference(pair, window, start, end)
    lab.reportStep('killing and restarting one replica')
    const outage = await measureOutage(lab, pair, parameters)
    return {
      figures: [...stored, ...difference.figures, ...outage.figures],
      plots: [...difference.plots, ...outage.plots],
      notMeasured: [],
    }
  },

  judge({ figures }) {
    const stored = (variant: Variant, setting?: string) =>
      median(valuesOf(figures, STORED, variant, setting))
    const difference = (variant: Variant) => median(valuesOf(figures, DIFFERENCE, variant, ''))
    const percent = (value: number) => `${value.toFixed(1)} %`
    const drained = stored('naive with timestamps')
    const [identical, identicalVirtual] = (['remote write', 'kafka-exposer'] as const).map(
      variant => median(valuesOf(figures, IDENTICAL, variant, '')),
    )
    const filled = (variant: Variant, setting?: string) =>
      median(valuesOf(figures, FILLED, variant, setting))
    const [virtual, all] = [stored('kafka-exposer', ''), stored('kafka-exposer', VIEW_ALL)]
    return [
      {
        claim: 'If each scrape drains the exposer, a pair of Prometheus servers splits the samples',
        holds: isKnown(drained) ? drained < 80 : null,
        because: `the replica with fewer samples stored ${percent(drained)} of all samples`,
      },
      {
        claim: 'With kafka-exposer each replica stores all samples',
        holds: isKnown(virtual, all) ? virtual >= 97 && all >= 99.9 : null,
        because: `stored by the replica with fewer samples: virtual targets ${percent(virtual)}, view=all ${percent(all)}, direct ${percent(stored('direct'))}`,
      },
      {
        claim: 'After a failover a client gets the same rate() from the other replica',
        holds: isKnown(difference('kafka-exposer')) ? difference('kafka-exposer') <= 5 : null,
        because: `p99 of the difference between the replicas: ${percent(difference('kafka-exposer'))} with kafka-exposer, ${percent(difference('naive'))} naive, ${percent(difference('direct'))} direct`,
      },
      {
        claim: 'With remote write every sample is the same at both replicas, its time included',
        holds: isKnown(identical) ? identical === 100 : null,
        because: `the same time and value at both: ${percent(identical)} with remote write, ${percent(identicalVirtual)} with virtual targets`,
      },
      {
        claim: 'Remote write fills the hole that an outage leaves in a replica',
        holds: isKnown(filled('remote write')) ? filled('remote write') >= 99.9 : null,
        because: `samples of its outage that the replica has afterwards: ${percent(filled('remote write'))} with remote write, ${percent(filled('kafka-exposer', VIEW_ALL))} view=all, ${percent(filled('kafka-exposer', ''))} with virtual targets, ${percent(filled('direct'))} direct`,
      },
    ]
  },
}

async function arrange(lab: Lab, { intervalSeconds, apps }: Parameters): Promise<Pair> {
  lab.reportStep('starting Kafka, the exposers, the apps and two Prometheus servers')
  const cluster = await lab.startCluster()
  const topics = { snapshots: await cluster.createTopic(), naive: await cluster.createTopic() }
  const app = await lab.startApp('apps', {
    job: 'lab',
    instance: 'app',
    targets: apps,
    series: 10,
    intervalMs: intervalSeconds * 1000,
    counter: 'constant',
    startMs: Date.now(),
    brokers: cluster.brokers,
    topics,
    delay: { kind: 'none', seconds: 0 },
    seed: lab.seed,
  })
  const group = await lab.startExposerGroup(cluster, topics.snapshots, { shards: 2 })
  const naive = await lab.startNaiveExposer(cluster, topics.naive)
  const timestamped = await lab.startNaiveExposer(cluster, topics.naive, { timestamps: true })
  const interval = `${intervalSeconds}s`
  const configOf = (replica: string) => ({
    global: globalConfig(interval),
    storage: { tsdb: { out_of_order_time_window: '30m' } },
    scrape_configs: [
      job.direct(interval, [app.process]),
      job.massive('naive', interval, [naive]),
      job.massive('naive with timestamps', interval, [timestamped]),
      job.virtualTargets(group),
      job.massive('kafka-exposer', interval, group.shards, {
        job_name: 'all',
        params: { view: ['all'], scraper: [replica] },
        track_timestamps_staleness: true,
        relabel_configs: [
          { target_label: 'variant', replacement: 'kafka-exposer' },
          { target_label: 'setting', replacement: VIEW_ALL },
        ],
      }),
    ],
  })
  const startReplica = (replica: string) => lab.startPrometheus(configOf(replica), RECEIVER_FLAGS)
  const pair: Pair = [await startReplica('replica-1'), await startReplica('replica-2')]
  await lab.startRemoteWriters(cluster, topics.snapshots, pair, { shards: 2 })
  await lab.waitUntil(
    'both replicas have samples of every app, direct, with kafka-exposer and with remote write',
    async () => {
      for (const replica of pair) {
        const series = await replica.query(`lab_work_total{${LOSSLESS}}`)
        if (series.length < 4 * apps) return false
      }
      return true
    },
  )
  return pair
}

/**
 * Samples stored by the replica with fewer samples, and samples that are the same at both, in
 * percent of the samples stored by either.
 * Samples are identified by the value of a counter that always increases. A direct scrape collects
 * a new value, so there the replica with more samples counts as 100 %.
 */
async function measureStored(pair: Pair, start: number, end: number): Promise<Figure[]> {
  const seconds = Date.now() / 1000 - start + 1
  const samples = await Promise.all(
    pair.map(replica => replica.querySamples('lab_work_total', seconds)),
  )
  const figures = new Map<string, Figure & { values: number[] }>()
  for (const key of new Set(samples.flatMap(bySeries => [...bySeries.keys()]))) {
    const metric = JSON.parse(key) as Record<string, string>
    const valueSets = samples.map(bySeries => {
      const inRange = (bySeries.get(key) ?? []).filter(([at]) => at >= start && at <= end)
      return new Set(inRange.map(([, value]) => value))
    })
    const variant = metric.variant as Variant
    const setting = metric.setting ?? ''
    const add = (name: string, value: number) => {
      const figureKey = JSON.stringify([name, variant, setting])
      const figure = figures.get(figureKey) ?? { name, variant, setting, unit: '%', values: [] }
      figure.values.push(value)
      figures.set(figureKey, figure)
    }
    const [points1, points2] = samples.map(
      bySeries =>
        new Set(
          (bySeries.get(key) ?? [])
            .filter(([at]) => at >= start && at <= end)
            .map(point => JSON.stringify(point)),
        ),
    )
    const anywhere = new Set([...points1, ...points2])
    const same = [...anywhere].filter(point => points1.has(point) && points2.has(point))
    const sizes = valueSets.map(({ size }) => size)
    const total =
      variant === 'direct'
        ? Math.max(...sizes)
        : new Set(valueSets.flatMap(values => [...values])).size
    if (total === 0) continue
    add(STORED, (100 * Math.min(...sizes)) / total)
    add(IDENTICAL, (100 * same.length) / anywhere.size)
  }
  return [...figures.values()]
}

/** One point per second; 0 where the query returned no value. */
function pointsEachSecond(
  values: readonly [number, string][],
  start: number,
  end: number,
): Line['points'] {
  const bySecond = new Map(values.map(([at, value]) => [Math.round(at - start), Number(value)]))
  return Array.from(
    { length: Math.floor(end - start) + 1 },
    (_, second) => [second, bySecond.get(second) ?? 0] as const,
  )
}

async function measureDifference(pair: Pair, window: string, start: number, end: number) {
  const results = await Promise.all(
    pair.map(replica =>
      replica.queryRange(`rate(lab_work_total[${window}])`, { start, end, step: 1 }),
    ),
  )
  const select = (replica: number, variant: Variant, setting: string) =>
    results[replica].filter(
      ({ metric }) => metric.variant === variant && (metric.setting ?? '') === setting,
    )
  const ratesOf = (replica: number, variant: Variant, setting: string) =>
    new Map(
      select(replica, variant, setting).flatMap(({ metric, values }) =>
        values.map(
          ([at, value]) => [`${metric.instance} ${Math.round(at)}`, Number(value)] as const,
        ),
      ),
    )
  const measured = VARIANTS.flatMap(variant =>
    (variant === 'kafka-exposer' ? ['', VIEW_ALL] : ['']).map(setting => ({ variant, setting })),
  )
  const figures = measured.map(({ variant, setting }): Figure => {
    const [rates1, rates2] = [ratesOf(0, variant, setting), ratesOf(1, variant, setting)]
    const keys = new Set([...rates1.keys(), ...rates2.keys()])
    // A value that only one replica has counts with its full amount.
    const differences = [...keys].map(
      key => PERCENT_OF_RATE * Math.abs((rates1.get(key) ?? 0) - (rates2.get(key) ?? 0)),
    )
    const value = quantile(differences, 0.99)
    return {
      name: DIFFERENCE,
      variant,
      setting,
      unit: '%',
      values: Number.isNaN(value) ? [] : [value],
    }
  })
  const lines = (['naive', 'kafka-exposer', 'remote write'] as const).flatMap(variant =>
    pair.map((_, replica): Line => {
      const [series] = select(replica, variant, '')
      const points = pointsEachSecond(series?.values ?? [], start, end)
      return { variant, label: `replica ${replica + 1}`, points }
    }),
  )
  const plots: Observations['plots'] = [
    {
      kind: 'time',
      title: `rate(x[${window}]) of one app at both replicas`,
      caption: 'The values that a client gets from either replica. A missing value is drawn as 0.',
      x: 'seconds',
      y: 'per second',
      lines,
    },
  ]
  return { figures, plots }
}

/**
 * Kills one replica, restarts it, and compares its samples of the outage with those of the other
 * replica.
 */
async function measureOutage(
  lab: Lab,
  pair: Pair,
  { outageSeconds, intervalSeconds, apps }: Parameters,
): Promise<Pick<Observations, 'figures' | 'plots'>> {
  const [replica, other] = pair
  const from = Date.now() / 1000
  await replica.kill()
  await lab.sleep(outageSeconds)
  const to = Date.now() / 1000
  await replica.restart()
  // Samples that are missing are sent oldest first: a newer one shows that all have arrived.
  const newer = `count(timestamp(lab_work_total{${LOSSLESS}}) > ${to})`
  await lab.waitUntil(
    'the restarted replica has new samples of every app',
    async () => (await replica.queryValue(newer)) >= 4 * apps,
  )
  await lab.sleep(2 * intervalSeconds)
  const seconds = Date.now() / 1000 - from + MARGIN_SECONDS
  const [restarted, complete] = await Promise.all(
    [replica, other].map(server => server.querySamples('lab_work_total', seconds)),
  )
  const stored = new Map<string, { variant: Variant; setting: string; has: number; all: number }>()
  for (const [key, samples] of complete) {
    const { variant, setting = '' } = JSON.parse(key) as { variant: Variant; setting?: string }
    const entry = stored.get(variant + setting) ?? { variant, setting, has: 0, all: 0 }
    stored.set(variant + setting, entry)
    entry.all += samples.filter(([at]) => at >= from && at <= to).length
    entry.has += (restarted.get(key) ?? []).filter(([at]) => at >= from && at <= to).length
  }
  const figures = [...stored.values()]
    .filter(({ all }) => all > 0)
    .map(
      ({ variant, setting, has, all }): Figure => ({
        name: FILLED,
        variant,
        setting,
        unit: '%',
        values: [Math.min(100, (100 * has) / all)],
      }),
    )
  return { figures, plots: [outagePlot(restarted, from, to)] }
}

/** Samples of one app per second that the restarted replica has, around its outage. */
function outagePlot(
  restarted: ReadonlyMap<string, readonly [number, number][]>,
  from: number,
  to: number,
): Observations['plots'][number] {
  const start = from - MARGIN_SECONDS
  const entries = [...restarted].map(([key, samples]) => ({
    metric: JSON.parse(key) as Record<string, string>,
    samples: samples.filter(([at]) => at >= start),
  }))
  const lines = (['direct', 'kafka-exposer', 'remote write'] as const).flatMap(
    (variant): Line[] => {
      const found = entries.find(
        ({ metric }) => metric.variant === variant && metric.setting === undefined,
      )
      if (!found) return []
      const points = found.samples.map(([at], i) => [at - start, i + 1] as const)
      return [{ variant, label: '', points }]
    },
  )
  return {
    kind: 'time',
    title: 'Samples of one series that a replica has after its outage',
    caption:
      'Cumulative number of samples by their time. A horizontal line is a hole. Remote write fills it.',
    x: 'seconds',
    y: 'samples',
    marks: [{ from: from - start, to: to - start, label: 'replica killed' }],
    lines,
  }
}
