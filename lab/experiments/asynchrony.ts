import { rateOver } from '../app/counter.js'
import type { AppOptions, CounterKind } from '../app/options.js'
import type { Experiment } from '../experiment.js'
import { isKnown, valuesOf } from '../figures.js'
import type { App } from '../harness/app.js'
import type { Lab } from '../harness/lab.js'
import {
  globalConfig,
  job,
  type LabPrometheus,
  RECEIVER_FLAGS,
  VARIANT_SELECTOR,
} from '../harness/prometheus.js'
import type { DelayDistribution } from '../random.js'
import { distribution, median, quantile } from '../stats/quantile.js'
import { type Figure, type Line, type Observations, VARIANTS, type Variant } from '../types.js'

/**
 * The effect of a variable propagation delay on `rate()`. The apps' counters are functions of time,
 * so that the true rate is known; their snapshots are sent after a random delay. `rate()` is
 * evaluated once per second, live and live with an offset, and again over the stored samples, and
 * compared with the true rate.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  /** Delay distributions. Each is combined with each counter. */
  readonly delays: readonly DelayDistribution['kind'][]
  readonly delaySeconds: number
  readonly counters: readonly CounterKind[]
  /** Ranges of `rate()`. */
  readonly windows: readonly string[]
  readonly settleSeconds: number
  readonly measureSeconds: number
  /** Offset of the queries that wait for late samples. More than the longest delay. */
  readonly offsetSeconds: number
  /** How long the series of killed apps are observed. */
  readonly staleSeconds: number
}

const MEAN_RATE = 10
const VISIBLE_AFTER_DEATH = 'series of a killed app are still queryable'
const UNTIL_QUERYABLE = 'time until a change is queryable'
/** How the queries with an offset are evaluated, in the names of figures. */
const WITH_OFFSET = 'live with an offset'

/** One result of `rate()` beside the true rate. */
interface Evaluation {
  readonly variant: Variant
  readonly setting: string
  readonly window: string
  /** Evaluation time, Unix seconds. */
  readonly at: number
  readonly rate: number
  readonly truth: number
}

export const asynchrony: Experiment<Parameters> = {
  name: 'asynchrony',
  title: 'Asynchrony: effect of the propagation delay on rate()',
  question:
    'Are graphs and alerts still correct if samples arrive late, each with a different delay?',
  short: {
    intervalSeconds: 5,
    delays: ['uniform', 'heavy'],
    delaySeconds: 8,
    counters: ['constant'],
    windows: ['30s', '1m'],
    settleSeconds: 75,
    measureSeconds: 75,
    offsetSeconds: 15,
    staleSeconds: 25,
  },
  full: {
    intervalSeconds: 5,
    delays: ['none', 'fixed', 'uniform', 'heavy'],
    delaySeconds: 8,
    counters: ['constant', 'bursty'],
    windows: ['30s', '1m', '5m'],
    settleSeconds: 420,
    measureSeconds: 420,
    offsetSeconds: 15,
    staleSeconds: 330,
  },
  reduced: {
    intervalSeconds: 1,
    delays: ['uniform'],
    delaySeconds: 2,
    counters: ['constant'],
    windows: ['5s'],
    settleSeconds: 8,
    measureSeconds: 6,
    offsetSeconds: 5,
    staleSeconds: 8,
  },

  estimate: ({ settleSeconds, measureSeconds, staleSeconds }) =>
    25 + settleSeconds + measureSeconds + 20 + staleSeconds,

  async run(lab, parameters): Promise<Observations> {
    const startMs = Date.now()
    const { apps, prometheus } = await arrange(lab, parameters, startMs)
    lab.reportStep('waiting until the playout delay of every target has settled')
    await lab.sleep(parameters.settleSeconds)
    lab.reportCompletion(0.45)
    lab.reportStep('evaluating rate() once per second')
    const from = Date.now() / 1000
    const { live, late } = await evaluateLive(lab, prometheus, parameters, startMs)
    const to = Date.now() / 1000
    lab.reportCompletion(0.8)
    lab.reportStep('setting an alert condition, then killing the apps')
    const alertDelays = await measureAlertDelays(lab, prometheus, apps)
    const visibility = await measureVisibilityAfterDeath(
      lab,
      prometheus,
      apps,
      parameters.staleSeconds,
    )
    // At the end, because the newest samples have not arrived before.
    const historical = await evaluateStored(prometheus, parameters, startMs, from, to)
    const gaps = await measureGaps(prometheus, from, to)
    return {
      figures: [
        ...errorFigures('live', live, parameters),
        ...errorFigures(WITH_OFFSET, late, parameters),
        ...errorFigures('historical', historical, parameters),
        ...gaps,
        ...alertDelays,
        ...visibility,
      ],
      plots: plotsOf(live, late, parameters, from),
      notMeasured: [
        ...(parameters.windows.includes('5m') ? [] : ['rate() over 5m: only in the full edition']),
        ...(parameters.counters.includes('bursty')
          ? []
          : ['bursty counters: only in the full edition']),
      ],
    }
  },

  judge({ figures }, { windows, delays, delaySeconds, counters, offsetSeconds }) {
    const varying = delays.filter(kind => kind === 'uniform' || kind === 'heavy')
    const settings = varying.map(kind => settingOf({ kind, seconds: delaySeconds }, counters[0]))
    const medians = (name: string, variant: Variant) =>
      settings.map(setting => median(valuesOf(figures, name, variant, setting)))
    const p99 = (variant: Variant, mode = 'live') =>
      Math.max(...medians(`rate() error over ${windows[0]}, ${mode}, p99`, variant))
    const naive = p99('naive')
    const exposer = p99('kafka-exposer')
    const biasOf = (variant: Variant) =>
      Math.min(...medians(`rate() bias over ${windows[0]}, live, median`, variant))
    const bias = biasOf('naive with timestamps')
    const sentBias = biasOf('remote write')
    const sentLate = p99('remote write', WITH_OFFSET)
    const [sentAfter, exposedAfter] = (['remote write', 'kafka-exposer'] as const).map(variant =>
      Math.max(...medians(UNTIL_QUERYABLE, variant)),
    )
    const visible = (variant: Variant) => median(valuesOf(figures, VISIBLE_AFTER_DEATH, variant))
    const percent = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} %`
    const seconds = (value: number) => `${value.toFixed(0)} s`
    return [
      {
        claim: 'Scrape timestamps on delayed samples make rate() wrong by tens of percent',
        holds: isKnown(naive) ? naive >= 10 : null,
        because: `p99 of the error over ${windows[0]}: ${percent(naive)} naive, ${percent(p99('direct'))} direct`,
      },
      {
        claim: 'Explicit timestamps make a live rate() too low',
        holds: isKnown(bias) ? bias <= -5 : null,
        because: `median error: ${percent(bias)}, because the newest samples have not arrived yet`,
      },
      {
        claim: 'A playout delay keeps the error of rate() below 1 %',
        holds: isKnown(exposer) ? exposer <= 1 : null,
        because: `p99 of the error over ${windows[0]}, maximum of ${settings.length} delay distributions: ${percent(exposer)}`,
      },
      {
        claim:
          'Series of a killed app stay queryable longer with explicit timestamps than with kafka-exposer',
        holds: isKnown(visible('naive with timestamps'), visible('kafka-exposer'))
          ? visible('naive with timestamps') > visible('kafka-exposer')
          : null,
        because: `queryable after the death: ${seconds(visible('naive with timestamps'))} with timestamps, ${seconds(visible('kafka-exposer'))} with kafka-exposer, ${seconds(visible('direct'))} direct`,
      },
      {
        claim:
          'With remote write the error of rate() is at most 0.1 %, if it is evaluated with an offset',
        holds: isKnown(sentLate) ? sentLate <= 0.1 : null,
        because: `p99 of the error over ${windows[0]} with an offset of ${seconds(offsetSeconds)}: ${sentLate.toFixed(3)} %; naive, with the same offset: ${percent(p99('naive', WITH_OFFSET))}`,
      },
      {
        claim: 'Without an offset remote write makes a live rate() too low',
        holds: isKnown(sentBias) ? sentBias <= -5 : null,
        because: `median error: ${percent(sentBias)}, because the newest samples have not arrived yet`,
      },
      {
        claim: 'A change is queryable earlier with remote write than with virtual targets',
        holds: isKnown(sentAfter, exposedAfter) ? sentAfter < exposedAfter : null,
        because: `maximum of ${settings.length} delay distributions: ${sentAfter.toFixed(1)} s with remote write, ${exposedAfter.toFixed(1)} s with virtual targets`,
      },
      {
        claim:
          'Series of a killed app stay queryable longer with explicit timestamps than with remote write',
        holds: isKnown(visible('naive with timestamps'), visible('remote write'))
          ? visible('naive with timestamps') > visible('remote write')
          : null,
        because: `queryable after the death: ${seconds(visible('naive with timestamps'))} with timestamps, ${seconds(visible('remote write'))} with remote write`,
      },
    ]
  },
}

function nameOfDelay({ kind, seconds }: DelayDistribution): string {
  switch (kind) {
    case 'none':
      return 'no delay'
    case 'fixed':
      return `fixed delay of ${seconds} s`
    case 'uniform':
      return `uniform delay 0–${seconds} s`
    case 'heavy':
      return `heavy-tailed delay up to ${seconds} s`
  }
}

const settingOf = (delay: DelayDistribution, counter: CounterKind) =>
  `${nameOfDelay(delay)}, ${counter} counter`

async function arrange(lab: Lab, parameters: Parameters, startMs: number) {
  const { delays, delaySeconds, counters, intervalSeconds } = parameters
  lab.reportStep('starting Kafka, the exposers and the apps')
  const cluster = await lab.startCluster()
  const topics = { snapshots: await cluster.createTopic(), naive: await cluster.createTopic() }
  const combinations = delays.flatMap(kind => counters.map(counter => ({ kind, counter })))
  const apps = await Promise.all(
    combinations.map(({ kind, counter }) => {
      const delay = { kind, seconds: delaySeconds }
      const options: AppOptions = {
        job: 'lab',
        instance: settingOf(delay, counter),
        targets: 1,
        series: 10,
        intervalMs: intervalSeconds * 1000,
        counter,
        startMs,
        brokers: cluster.brokers,
        topics,
        delay,
        seed: lab.seed,
      }
      return lab.startApp(kind, options)
    }),
  )
  const group = await lab.startExposerGroup(cluster, topics.snapshots)
  const naive = await lab.startNaiveExposer(cluster, topics.naive)
  const timestamped = await lab.startNaiveExposer(cluster, topics.naive, { timestamps: true })
  const interval = `${intervalSeconds}s`
  const config = {
    global: globalConfig(interval),
    scrape_configs: [
      job.direct(
        interval,
        apps.map(app => app.process),
      ),
      job.massive('naive', interval, [naive]),
      job.massive('naive with timestamps', interval, [timestamped]),
      job.virtualTargets(group),
    ],
  }
  const prometheus = await lab.startPrometheus(config, RECEIVER_FLAGS)
  await lab.startRemoteWriters(cluster, topics.snapshots, [prometheus])
  await lab.waitUntil(
    'every app has samples in every variant',
    async () =>
      (await prometheus.query(`lab_work_total${VARIANT_SELECTOR}`)).length ===
      VARIANTS.length * apps.length,
    60,
  )
  return { apps, prometheus }
}

/** The setting of a series: its `instance` label without the target's number. */
const settingOfInstance = (instance: string) => instance.replace(/-\d+$/, '')

async function evaluateLive(
  lab: Lab,
  prometheus: LabPrometheus,
  parameters: Parameters,
  startMs: number,
): Promise<{ live: Evaluation[]; late: Evaluation[] }> {
  const { windows, offsetSeconds, measureSeconds } = parameters
  const evaluate = async (at: number, offset: number) => {
    const evaluations: Evaluation[] = []
    for (const window of windows) {
      const promql = `rate(lab_work_total[${window}] offset ${offset}s)`
      for (const { metric, value } of await prometheus.query(promql, at))
        evaluations.push(evaluationOf(metric, window, at, Number(value[1]), startMs, offset))
    }
    return evaluations
  }
  const live: Evaluation[] = []
  const late: Evaluation[] = []
  for (let second = 0; second < measureSeconds; second++) {
    const at = Date.now() / 1000
    live.push(...(await evaluate(at, 0)))
    late.push(...(await evaluate(at, offsetSeconds)))
    lab.reportCompletion(0.45 + (0.35 * second) / measureSeconds)
    await lab.sleep(Math.max(0, at + 1 - Date.now() / 1000))
  }
  return { live, late }
}

async function evaluateStored(
  prometheus: LabPrometheus,
  { windows }: Parameters,
  startMs: number,
  start: number,
  end: number,
): Promise<Evaluation[]> {
  const evaluations: Evaluation[] = []
  for (const window of windows) {
    const result = await prometheus.queryRange(`rate(lab_work_total[${window}])`, {
      start,
      end,
      step: 1,
    })
    for (const { metric, values } of result) {
      for (const [at, value] of values)
        evaluations.push(evaluationOf(metric, window, at, Number(value), startMs))
    }
  }
  return evaluations
}

function evaluationOf(
  { variant, instance }: Record<string, string>,
  window: string,
  at: number,
  rate: number,
  startMs: number,
  offset = 0,
): Evaluation {
  const setting = settingOfInstance(instance)
  const kind = setting.endsWith('bursty counter') ? 'bursty' : 'constant'
  const truth = rateOver(kind, at - offset - startMs / 1000, secondsOf(window))
  return { variant: variant as Variant, setting, window, at, rate, truth }
}

const secondsOf = (window: string) => Number.parseInt(window, 10) * (window.endsWith('m') ? 60 : 1)

/**
 * Error in percent of the mean rate, because the true rate of a bursty counter can be 0. Rounded to
 * millionths, which removes floating-point errors.
 */
const errorOf = ({ rate, truth }: Evaluation) =>
  Math.round((1e8 * (rate - truth)) / MEAN_RATE) / 1e6

/** @param mode how the rate was evaluated: live or historical */
function errorFigures(
  mode: string,
  evaluations: readonly Evaluation[],
  { windows }: Parameters,
): Figure[] {
  const settings = [...new Set(evaluations.map(({ setting }) => setting))]
  const cases = windows.flatMap(window =>
    settings.flatMap(setting => VARIANTS.map(variant => ({ window, setting, variant }))),
  )
  return cases.flatMap(({ window, setting, variant }) => {
    const errors = evaluations
      .filter(
        found => found.variant === variant && found.setting === setting && found.window === window,
      )
      .map(errorOf)
    const absolute = errors.map(Math.abs)
    const figure = (quantity: string, statistic: string, value: number): Figure => ({
      name: `rate() ${quantity} over ${window}, ${mode}, ${statistic}`,
      variant,
      setting,
      unit: '%',
      values: Number.isNaN(value) ? [] : [value],
    })
    return [
      figure('error', 'p50', quantile(absolute, 0.5)),
      figure('error', 'p99', quantile(absolute, 0.99)),
      figure('error', 'max', quantile(absolute, 1)),
      figure('bias', 'median', quantile(errors, 0.5)),
    ]
  })
}

/** Share of the time in which the series of a running app has no value. */
async function measureGaps(
  prometheus: LabPrometheus,
  start: number,
  end: number,
): Promise<Figure[]> {
  const result = await prometheus.queryRange('lab_work_total', { start, end, step: 1 })
  const expected = Math.floor(end - start) + 1
  return result.map(({ metric, values }) => ({
    name: 'series of a running app are missing',
    variant: metric.variant as Variant,
    setting: settingOfInstance(metric.instance),
    unit: '% of the time',
    values: [(100 * Math.max(0, expected - values.length)) / expected],
  }))
}

/** Time from a change of a gauge in the app to the first query that returns the new value. */
async function measureAlertDelays(
  lab: Lab,
  prometheus: LabPrometheus,
  apps: readonly App[],
): Promise<Figure[]> {
  const changedAt = Math.min(...(await Promise.all(apps.map(app => app.setAlert()))))
  const figures = new Map<string, Figure>()
  const deadline = performance.now() + 60_000
  while (figures.size < VARIANTS.length * apps.length && performance.now() < deadline) {
    for (const { metric } of await prometheus.query('lab_alert == 1')) {
      const variant = metric.variant as Variant
      const setting = settingOfInstance(metric.instance)
      if (figures.has(variant + setting)) continue
      const values = [(Date.now() - changedAt) / 1000]
      figures.set(variant + setting, { name: UNTIL_QUERYABLE, variant, setting, unit: 's', values })
    }
    await lab.sleep(0.1)
  }
  return [...figures.values()]
}

/** Time from the death of the apps until their series are stale, at most `maxSeconds`. */
async function measureVisibilityAfterDeath(
  lab: Lab,
  prometheus: LabPrometheus,
  apps: readonly App[],
  maxSeconds: number,
): Promise<Figure[]> {
  await Promise.all(apps.map(app => app.kill()))
  const diedAt = Date.now()
  const lastSeen = new Map<Variant, number>()
  while (Date.now() - diedAt < maxSeconds * 1000) {
    const result = await prometheus.query('count by (variant) (lab_work_total)')
    for (const { metric } of result)
      lastSeen.set(metric.variant as Variant, (Date.now() - diedAt) / 1000)
    if (result.length === 0) break
    await lab.sleep(0.25)
  }
  return [...lastSeen].map(([variant, seconds]) => ({
    name: VISIBLE_AFTER_DEATH,
    variant,
    setting: '',
    unit: 's',
    values: [seconds],
    ...(seconds > maxSeconds - 1 ? { note: 'still queryable at the end of the experiment' } : {}),
  }))
}

function plotsOf(
  live: readonly Evaluation[],
  late: readonly Evaluation[],
  { windows, offsetSeconds }: Parameters,
  from: number,
): Observations['plots'] {
  const settings = [...new Set(live.map(({ setting }) => setting))]
  const [window] = windows
  return settings.flatMap(setting => {
    const select = (evaluations: readonly Evaluation[], variant: Variant) =>
      evaluations.filter(
        found => found.variant === variant && found.setting === setting && found.window === window,
      )
    const lines = (pointsOf: (evaluations: Evaluation[]) => Line['points']): Line[] => [
      ...VARIANTS.map(variant => ({ variant, label: '', points: pointsOf(select(live, variant)) })),
      {
        variant: 'remote write',
        label: `offset ${offsetSeconds}s`,
        points: pointsOf(select(late, 'remote write')),
      },
    ]
    return [
      {
        kind: 'time' as const,
        title: `rate(x[${window}]) of a counter with a mean rate of 10 per second, evaluated live (${setting})`,
        caption:
          'The true mean rate is 10. Deviations of a constant counter are caused by the propagation delay.',
        x: 'seconds',
        y: 'per second',
        lines: lines(evaluations => evaluations.map(({ at, rate }) => [at - from, rate] as const)),
      },
      {
        kind: 'distribution' as const,
        title: `Error of rate(x[${window}]), evaluated live (${setting})`,
        caption: 'Share of the queries whose error is at most x. Lines further left are better.',
        x: 'error, %',
        y: 'share of queries',
        logX: true,
        // Errors below 0.01 % are negligible, and the axis is logarithmic.
        lines: lines(evaluations =>
          distribution(evaluations.map(found => Math.max(0.01, Math.abs(errorOf(found))))),
        ),
      },
    ]
  })
}
