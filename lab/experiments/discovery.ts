import type { Experiment } from '../experiment.js'
import { mergeFigures, valuesOf } from '../figures.js'
import type { App } from '../harness/app.js'
import type { Lab } from '../harness/lab.js'
import { globalConfig, job, type LabPrometheus } from '../harness/prometheus.js'
import { median } from '../stats/quantile.js'
import type { Figure, Line, Observations, Variant } from '../types.js'

/**
 * `up` of a failed app, and the effect of a high-cardinality app on the others. Apps are killed,
 * apps are paused and resumed, and one app adds series beyond `sample_limit`. One Prometheus server
 * scrapes all of them directly, through the naive exposer and through kafka-exposer.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  /** Number of apps that are killed, and number of apps that are paused. */
  readonly faultyApps: number
  /** Number of apps without a fault. */
  readonly healthyApps: number
  /** Initial number of series per app. */
  readonly series: number
  /** Number of series that the high-cardinality app adds. */
  readonly addedSeries: number
  readonly sampleLimit: number
  /** How long each fault is observed. */
  readonly observeSeconds: number
}

const VARIANTS = ['direct', 'naive', 'kafka-exposer'] as const
type Fault = 'killed' | 'paused'
const untilDownOf = (fault: Fault) => `time until up is 0, app ${fault}`
const untilStaleOf = (fault: Fault) => `time until its series are stale, app ${fault}`
const UNTIL_RECOVERED = 'time until samples are queryable, app resumed'
const AFFECTED = 'healthy apps without fresh samples after the cardinality explosion'

export const discovery: Experiment<Parameters> = {
  name: 'discovery',
  title: 'Discovery: detection of failed apps and isolation of high-cardinality apps',
  question:
    'If an app dies, hangs or exceeds its sample limit, does an alert fire for that app and for no other?',
  short: {
    intervalSeconds: 2,
    faultyApps: 3,
    healthyApps: 4,
    series: 50,
    addedSeries: 20_000,
    sampleLimit: 5000,
    observeSeconds: 30,
  },
  full: {
    intervalSeconds: 5,
    faultyApps: 5,
    healthyApps: 10,
    series: 100,
    // With more series the naive record exceeds the brokers' size limit and never reaches the
    // exposer.
    addedSeries: 20_000,
    sampleLimit: 10_000,
    observeSeconds: 120,
  },
  reduced: {
    intervalSeconds: 1,
    faultyApps: 1,
    healthyApps: 1,
    series: 10,
    addedSeries: 2000,
    sampleLimit: 1000,
    observeSeconds: 6,
  },

  estimate: ({ observeSeconds }) => 35 + 3 * observeSeconds,

  async run(lab, parameters): Promise<Observations> {
    const { faultyApps, intervalSeconds, observeSeconds } = parameters
    const { prometheus, toKill, toPause, highCardinality } = await arrange(lab, parameters)
    const measureDetection = async (fault: Fault, app: App, since: number) => {
      const measurements = VARIANTS.map(variant =>
        measureUntilDown(lab, prometheus, variant, fault, app, since, observeSeconds),
      )
      return (await Promise.all(measurements)).flat()
    }

    lab.reportStep(`killing ${faultyApps} apps`)
    const killed = toKill.map(async app => {
      // A random phase, so that the deaths are spread over the publish interval.
      await lab.sleep(lab.random(`death of ${app.options.instance}`)() * intervalSeconds)
      const diedAt = Date.now()
      await app.kill()
      return measureDetection('killed', app, diedAt)
    })
    const deaths = (await Promise.all(killed)).flat()
    lab.reportCompletion(0.4)

    lab.reportStep(`pausing and resuming ${faultyApps} apps`)
    const pausedAt = Date.now()
    for (const app of toPause) app.pause()
    const hangs = (
      await Promise.all(toPause.map(app => measureDetection('paused', app, pausedAt)))
    ).flat()
    const resumedAt = Date.now()
    for (const app of toPause) app.resume()
    const recoveries = await Promise.all(
      toPause.map(app => measureRecovery(lab, prometheus, app, resumedAt, observeSeconds)),
    )
    lab.reportCompletion(0.7)

    lab.reportStep('adding series to one app')
    const from = Date.now() / 1000
    await highCardinality.addSeries(parameters.addedSeries)
    await lab.sleep(observeSeconds)
    const { affected, plots } = await measureAffected(prometheus, from, parameters)
    const figures = mergeFigures([...deaths, ...hangs, ...recoveries.flat(), ...affected])
    return { figures, plots, notMeasured: [] }
  },

  judge({ figures }, { intervalSeconds }) {
    const untilDown = (variant: Variant) => valuesOf(figures, untilDownOf('killed'), variant)
    const affected = (variant: Variant) => Math.max(...valuesOf(figures, AFFECTED, variant))
    const intervals = untilDown('kafka-exposer').map(seconds => seconds / intervalSeconds)
    const longest = Math.max(...intervals)
    const direct = median(untilDown('direct')) / intervalSeconds
    return [
      {
        claim: 'Through a naive exposer a dead app has no up, and no alert on up fires',
        holds: untilDown('naive').length === 0,
        because:
          untilDown('naive').length === 0
            ? 'up was 0 for none of the killed apps; their series became stale'
            : `up was 0 after ${median(untilDown('naive')).toFixed(1)} s`,
      },
      {
        claim: 'With kafka-exposer up is 0 within 1.5 to 3.5 intervals of a death',
        holds: intervals.length > 0 ? longest <= 3.5 + 1 / intervalSeconds : false,
        because:
          intervals.length > 0
            ? `median ${median(intervals).toFixed(1)} intervals, maximum ${longest.toFixed(1)} (direct: median ${direct.toFixed(1)})`
            : 'up was never 0',
      },
      {
        claim:
          'An app above the sample limit affects every other app through a naive exposer, and none with kafka-exposer',
        holds: affected('naive') > 0 && affected('kafka-exposer') === 0,
        because: `healthy apps without fresh samples: ${affected('naive').toFixed(0)} % naive, ${affected('kafka-exposer').toFixed(0)} % with kafka-exposer, ${affected('direct').toFixed(0)} % direct`,
      },
    ]
  },
}

async function arrange(lab: Lab, parameters: Parameters) {
  const { intervalSeconds, faultyApps, healthyApps, series, sampleLimit } = parameters
  lab.reportStep('starting Kafka, the exposers and the apps')
  const cluster = await lab.startCluster()
  const topics = { snapshots: await cluster.createTopic(), naive: await cluster.createTopic() }
  const startApp = (instance: string, targets = 1) =>
    lab.startApp(instance, {
      job: 'lab',
      instance,
      targets,
      series,
      intervalMs: intervalSeconds * 1000,
      counter: 'constant',
      startMs: Date.now(),
      brokers: cluster.brokers,
      topics,
      delay: { kind: 'none', seconds: 0 },
      seed: lab.seed,
    })
  const startFaulty = (name: string) =>
    Promise.all(Array.from({ length: faultyApps }, (_, i) => startApp(`${name}-${i}`)))
  const [toKill, toPause] = [await startFaulty('killed'), await startFaulty('paused')]
  const healthy = await startApp('healthy', healthyApps)
  const highCardinality = await startApp('high-cardinality')
  const group = await lab.startExposerGroup(cluster, topics.snapshots, {
    flags: [`--limit.samples=${sampleLimit}`],
  })
  const naive = await lab.startNaiveExposer(cluster, topics.naive)
  const interval = `${intervalSeconds}s`
  const apps = [...toKill, ...toPause, healthy, highCardinality]
  const targets = apps.reduce((sum, app) => sum + app.options.targets, 0)
  const limit = { sample_limit: sampleLimit }
  const prometheus = await lab.startPrometheus({
    global: globalConfig(interval),
    scrape_configs: [
      job.direct(
        interval,
        apps.map(app => app.process),
        limit,
      ),
      // The limit applies to a target, and the naive exposer is one target for all apps.
      job.massive('naive', interval, [naive], limit),
      job.virtualTargets(group, limit),
    ],
  })
  await lab.waitUntil(
    'every app has samples in every variant',
    async () => (await prometheus.query('lab_work_total')).length === VARIANTS.length * targets,
  )
  return { prometheus, toKill, toPause, highCardinality }
}

/**
 * Time from `since` until `up` of the app is 0 and until its series are stale. No value after the
 * timeout.
 */
async function measureUntilDown(
  lab: Lab,
  prometheus: LabPrometheus,
  variant: Variant,
  fault: Fault,
  app: App,
  since: number,
  timeoutSeconds: number,
): Promise<Figure[]> {
  const instance = app.instances[0]
  const up = `up{variant="${variant}",instance="${instance}"}`
  const series = `lab_work_total{variant="${variant}",instance="${instance}"}`
  let stale = Number.NaN
  let down = Number.NaN
  while (Date.now() - since < timeoutSeconds * 1000 && Number.isNaN(down)) {
    const elapsed = (Date.now() - since) / 1000
    if ((await prometheus.queryValue(up)) === 0) down = elapsed
    if (Number.isNaN(stale) && Number.isNaN(await prometheus.queryValue(series))) stale = elapsed
    await lab.sleep(0.15)
  }
  const figure = (name: string, value: number): Figure => ({
    name,
    variant,
    setting: '',
    unit: 's',
    values: Number.isNaN(value) ? [] : [value],
    ...(Number.isNaN(value) ? { note: `not within ${timeoutSeconds} s` } : {}),
  })
  return [figure(untilDownOf(fault), down), figure(untilStaleOf(fault), stale)]
}

async function measureRecovery(
  lab: Lab,
  prometheus: LabPrometheus,
  app: App,
  resumedAt: number,
  timeoutSeconds: number,
): Promise<Figure[]> {
  const recovered = new Map<Variant, number>()
  const fresh = `lab_collected_timestamp_seconds{instance="${app.instances[0]}"} > ${resumedAt / 1000}`
  while (Date.now() - resumedAt < timeoutSeconds * 1000 && recovered.size < VARIANTS.length) {
    for (const { metric } of await prometheus.query(fresh)) {
      const variant = metric.variant as Variant
      if (!recovered.has(variant)) recovered.set(variant, (Date.now() - resumedAt) / 1000)
    }
    await lab.sleep(0.15)
  }
  return [...recovered].map(([variant, seconds]) => ({
    name: UNTIL_RECOVERED,
    variant,
    setting: '',
    unit: 's',
    values: [seconds],
  }))
}

/**
 * Healthy apps without a fresh sample at the end, and their number over time. Fresh means a recent
 * collection time, not the presence of series: a scrape that exceeds the limit can leave the
 * values of the previous scrape in place.
 */
async function measureAffected(
  prometheus: LabPrometheus,
  from: number,
  { healthyApps, intervalSeconds }: Parameters,
) {
  const end = Date.now() / 1000
  const age = 'time() - lab_collected_timestamp_seconds{instance=~"healthy-.*"}'
  const fresh = `count by (variant) (${age} < ${5 * intervalSeconds})`
  const counts = await prometheus.queryRange(fresh, { start: from - 10, end, step: 1 })
  const expected = Math.floor(end - from) + 1
  const affected = VARIANTS.map((variant): Figure => {
    const last = counts.find(({ metric }) => metric.variant === variant)?.values.at(-1)
    const freshApps = last && last[0] > end - 2 ? Number(last[1]) : 0
    const values = [(100 * (healthyApps - freshApps)) / healthyApps]
    return { name: AFFECTED, variant, setting: '', unit: '%', values }
  })
  const lines = VARIANTS.map((variant): Line => {
    const series = counts.find(({ metric }) => metric.variant === variant)
    const at = new Map(
      series?.values.map(([time, value]) => [Math.round(time - from), Number(value)]),
    )
    const seconds = Array.from({ length: expected + 10 }, (_, i) => i - 10)
    return {
      variant,
      label: '',
      points: seconds.map(second => [second, at.get(second) ?? 0] as const),
    }
  })
  const plots: Observations['plots'] = [
    {
      kind: 'time',
      title: 'Healthy apps with fresh samples during a cardinality explosion',
      caption:
        'With one massive target, sample_limit rejects the samples of all apps. With one target per app it rejects those of the high-cardinality app.',
      x: 'seconds since the cardinality explosion',
      y: 'apps',
      lines,
      marks: [{ from: 0, label: 'cardinality explosion' }],
    },
  ]
  return { affected, plots }
}
