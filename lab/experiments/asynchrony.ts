import { rateOver } from '../app/counter.js'
import type { AppOptions, CounterKind } from '../app/options.js'
import type { Experiment } from '../experiment.js'
import type { App, Lab } from '../harness/lab.js'
import { everyTarget, job, type LabPrometheus } from '../harness/prometheus.js'
import type { Way } from '../random.js'
import { distribution, median, quantile } from '../stats/quantile.js'
import type { Figure, Line, Observed, Variant } from '../types.js'
import { figureOf, VARIANT_SELECTOR } from './figures.js'

/**
 * What the way through a queue does to rate(). Apps with counters whose values are known for any moment publish with delays that differ from
 * snapshot to snapshot; every variant's Prometheus series are asked for rate() once a second, live and again afterwards, and held against the truth.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  readonly ways: readonly Way['kind'][]
  readonly waySeconds: number
  readonly counters: readonly CounterKind[]
  readonly windows: readonly string[]
  readonly settleSeconds: number
  readonly measureSeconds: number
  readonly ghostSeconds: number
}

const MEAN_RATE = 10

interface Evaluation {
  readonly variant: Variant
  readonly setting: string
  readonly window: string
  readonly at: number
  readonly rate: number
  readonly truth: number
}

export const asynchrony: Experiment<Parameters> = {
  name: 'asynchrony',
  title: 'Asynchrony: what the way through a queue does to rate()',
  question: 'Do graphs and alerts still say what happened, when samples are late, each by another time?',
  short: {
    intervalSeconds: 5,
    ways: ['uniform', 'heavy'],
    waySeconds: 8,
    counters: ['constant'],
    windows: ['30s', '1m'],
    settleSeconds: 75,
    measureSeconds: 75,
    ghostSeconds: 25,
  },
  full: {
    intervalSeconds: 5,
    ways: ['none', 'fixed', 'uniform', 'heavy'],
    waySeconds: 8,
    counters: ['constant', 'bursty'],
    windows: ['30s', '1m', '5m'],
    settleSeconds: 420,
    measureSeconds: 420,
    ghostSeconds: 330,
  },
  reduced: {
    intervalSeconds: 1,
    ways: ['uniform'],
    waySeconds: 2,
    counters: ['constant'],
    windows: ['5s'],
    settleSeconds: 8,
    measureSeconds: 6,
    ghostSeconds: 8,
  },

  estimate: ({ settleSeconds, measureSeconds, ghostSeconds }) =>
    25 + settleSeconds + measureSeconds + 20 + ghostSeconds,

  async run(lab, parameters): Promise<Observed> {
    const began = Date.now()
    const { apps, prometheus } = await arrange(lab, parameters, began)
    lab.say('waiting until every playout delay has been learned')
    await lab.pause(parameters.settleSeconds)
    lab.share(0.45)
    lab.say('asking for rate() once a second')
    const from = Date.now() / 1000
    const live = await evaluateLive(lab, prometheus, parameters, began)
    const to = Date.now() / 1000
    const history = await evaluateAgain(prometheus, parameters, began, from, to)
    const gaps = await gapsOf(prometheus, from, to)
    lab.share(0.8)
    lab.say('raising an alarm, and then killing the apps')
    const alarms = await alarmDelays(lab, prometheus, apps)
    const ghosts = await ghostsOf(lab, prometheus, apps, parameters.ghostSeconds)
    return {
      figures: [
        ...errorFigures('live', live, parameters),
        ...errorFigures('in history', history, parameters),
        ...gaps,
        ...alarms,
        ...ghosts,
      ],
      plots: plotsOf(live, parameters, from),
      notMeasured: [
        ...(parameters.windows.includes('5m')
          ? []
          : ['rate() over 5 m: only in the full edition, which runs long enough']),
        ...(parameters.counters.includes('bursty') ? [] : ['bursty counters: only in the full edition']),
      ],
    }
  },

  judge({ figures }, { windows, ways, waySeconds, counters }) {
    const setting = (way: string) => `${wayName(way as Way['kind'], waySeconds)}, ${counters[0]}`
    const jittery = ways.filter(way => way === 'uniform' || way === 'heavy')
    const worst = (name: string, variant: Variant) =>
      Math.max(...jittery.map(way => median(figureOf(figures, name, variant, setting(way)))))
    const p99 = `rate() error over ${windows[0]}, live, p99`
    const bias = `rate() bias over ${windows[0]}, live, median`
    const naive = worst(p99, 'naive')
    const ours = worst(p99, 'ours')
    const direct = worst(p99, 'direct')
    const biased = Math.min(
      ...jittery.map(way => median(figureOf(figures, bias, 'naive with timestamps', setting(way)))),
    )
    const ghost = (variant: Variant) => median(figureOf(figures, 'a dead app is still shown', variant))
    const percent = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} %`
    const known = (...values: number[]) => values.every(value => Number.isFinite(value))
    return [
      {
        claim: 'Values stamped at the scrape make rate() wrong by tens of percent',
        holds: known(naive) ? naive >= 10 : null,
        because: `p99 of the error over ${windows[0]}: ${percent(naive)}, where scraping directly errs by ${percent(direct)}`,
      },
      {
        claim: 'Explicit timestamps make a live rate() too small',
        holds: known(biased) ? biased <= -5 : null,
        because: `in the middle it is off by ${percent(biased)}: the newest samples are still under way`,
      },
      {
        claim: 'A playout delay keeps the error of rate() below 1 %',
        holds: known(ours) ? ours <= 1 : null,
        because: `p99 over ${windows[0]}, the worst of ${jittery.length} ways: ${percent(ours)}`,
      },
      {
        claim:
          'With timestamps, a dead app goes on being shown; with ours it does not for longer than a few intervals',
        holds: known(ghost('naive with timestamps'), ghost('ours'))
          ? ghost('naive with timestamps') > ghost('ours')
          : null,
        because: `shown after its death for ${ghost('naive with timestamps').toFixed(0)} s with timestamps, ${ghost('ours').toFixed(0)} s with ours, ${ghost('direct').toFixed(0)} s scraped directly`,
      },
    ]
  },
}

const wayName = (kind: Way['kind'], seconds: number) =>
  kind === 'none'
    ? 'no delay'
    : kind === 'fixed'
      ? `${seconds} s`
      : kind === 'uniform'
        ? `0–${seconds} s`
        : `heavy tail to ${seconds} s`

async function arrange(lab: Lab, parameters: Parameters, began: number) {
  const { ways, waySeconds, counters, intervalSeconds } = parameters
  lab.say('starting a Kafka, three exposers and the apps')
  const cluster = await lab.cluster()
  const topics = { ours: await cluster.topic(), naive: await cluster.topic() }
  const settings = ways.flatMap(kind => counters.map(counter => ({ kind, counter })))
  const apps = await Promise.all(
    settings.map(({ kind, counter }) => {
      const options: AppOptions = {
        job: 'lab',
        instance: `${wayName(kind, waySeconds)}, ${counter}`,
        targets: 1,
        series: 10,
        intervalMs: intervalSeconds * 1000,
        counter,
        began,
        brokers: cluster.brokers,
        topics,
        way: { kind, seconds: waySeconds },
        seed: lab.seed,
      }
      return lab.app(kind, options)
    }),
  )
  const ours = await lab.ours(cluster, topics.ours)
  const stamped = await lab.naive(cluster, topics.naive)
  const timestamped = await lab.naive(cluster, topics.naive, { timestamps: true })
  const interval = `${intervalSeconds}s`
  const prometheus = await lab.prometheus({
    global: everyTarget(interval),
    scrape_configs: [
      job.direct(
        interval,
        apps.map(app => app.process),
      ),
      job.massive('naive', interval, [stamped]),
      job.massive('naive with timestamps', interval, [timestamped]),
      job.ours(ours),
    ],
  })
  await lab.until(
    'every app is seen in every variant',
    async () => (await prometheus.query(`lab_work_total${VARIANT_SELECTOR}`)).length === 4 * apps.length,
    60,
  )
  return { apps, prometheus }
}

/** The setting of an app's series: its instance without the number of the target. */
const settingOf = (instance: string) => instance.replace(/-\d+$/, '')

async function evaluateLive(
  lab: Lab,
  prometheus: LabPrometheus,
  parameters: Parameters,
  began: number,
): Promise<Evaluation[]> {
  const evaluations: Evaluation[] = []
  for (let second = 0; second < parameters.measureSeconds; second++) {
    const at = Date.now() / 1000
    for (const window of parameters.windows) {
      for (const { metric, value } of await prometheus.query(`rate(lab_work_total[${window}])`, at)) {
        evaluations.push(evaluationOf(metric, window, value[0], Number(value[1]), began))
      }
    }
    lab.share(0.45 + (0.35 * second) / parameters.measureSeconds)
    await lab.pause(Math.max(0, at + 1 - Date.now() / 1000))
  }
  return evaluations
}

async function evaluateAgain(
  prometheus: LabPrometheus,
  { windows }: Parameters,
  began: number,
  start: number,
  end: number,
): Promise<Evaluation[]> {
  const evaluations: Evaluation[] = []
  for (const window of windows) {
    const found = await prometheus.queryRange(`rate(lab_work_total[${window}])`, { start, end, step: 1 })
    for (const { metric, values } of found) {
      for (const [at, value] of values)
        evaluations.push(evaluationOf(metric, window, at, Number(value), began))
    }
  }
  return evaluations
}

function evaluationOf(
  { variant, instance }: Record<string, string>,
  window: string,
  at: number,
  rate: number,
  began: number,
): Evaluation {
  const setting = settingOf(instance)
  const kind = setting.endsWith('bursty') ? 'bursty' : 'constant'
  const truth = rateOver(kind, at - began / 1000, secondsOf(window))
  return { variant: variant as Variant, setting, window, at, rate, truth }
}

const secondsOf = (window: string) => Number.parseInt(window, 10) * (window.endsWith('m') ? 60 : 1)

/** Errors in percent of the mean rate, because a bursty counter's truth is 0 at times; what is less than a millionth is the arithmetic's. */
const errorOf = ({ rate, truth }: Evaluation) => Math.round((1e8 * (rate - truth)) / MEAN_RATE) / 1e6

function errorFigures(when: string, evaluations: readonly Evaluation[], { windows }: Parameters): Figure[] {
  const settings = [...new Set(evaluations.map(one => one.setting))]
  return windows.flatMap(window =>
    settings.flatMap(setting =>
      (['direct', 'naive', 'naive with timestamps', 'ours'] as const).flatMap((variant): Figure[] => {
        const errors = evaluations
          .filter(one => one.variant === variant && one.setting === setting && one.window === window)
          .map(errorOf)
        const sizes = errors.map(Math.abs)
        const figure = (what: string, value: number): Figure => ({
          name: `rate() ${what} over ${window}, ${when}, ${what === 'bias' ? 'median' : ''}`,
          variant,
          setting,
          unit: '%',
          values: Number.isNaN(value) ? [] : [value],
        })
        return [
          { ...figure('error', quantile(sizes, 0.5)), name: `rate() error over ${window}, ${when}, p50` },
          { ...figure('error', quantile(sizes, 0.99)), name: `rate() error over ${window}, ${when}, p99` },
          { ...figure('error', quantile(sizes, 1)), name: `rate() error over ${window}, ${when}, max` },
          figure('bias', quantile(errors, 0.5)),
        ]
      }),
    ),
  )
}

/** Seconds of the measurement in which a live app's series had no value. */
async function gapsOf(prometheus: LabPrometheus, start: number, end: number): Promise<Figure[]> {
  const found = await prometheus.queryRange('lab_work_total', { start, end, step: 1 })
  const expected = Math.floor(end - start) + 1
  return found.map(({ metric, values }) => ({
    name: 'a live app is not shown',
    variant: metric.variant as Variant,
    setting: settingOf(metric.instance),
    unit: '% of the time',
    values: [(100 * Math.max(0, expected - values.length)) / expected],
  }))
}

/** From a gauge that becomes 1 in the app to the first query that sees it. */
async function alarmDelays(lab: Lab, prometheus: LabPrometheus, apps: readonly App[]): Promise<Figure[]> {
  const raised = Math.min(...(await Promise.all(apps.map(app => app.alarm()))))
  const seen = new Map<string, Figure>()
  const limit = performance.now() + 60_000
  while (seen.size < 4 * apps.length && performance.now() < limit) {
    for (const { metric } of await prometheus.query('lab_alarm == 1')) {
      const variant = metric.variant as Variant
      const setting = settingOf(metric.instance)
      if (seen.has(variant + setting)) continue
      const values = [(Date.now() - raised) / 1000]
      seen.set(variant + setting, { name: 'until an alert can see it', variant, setting, unit: 's', values })
    }
    await lab.pause(0.1)
  }
  return [...seen.values()]
}

/** From the death of the apps until their series are gone; those that stay are as old as the experiment had time for. */
async function ghostsOf(
  lab: Lab,
  prometheus: LabPrometheus,
  apps: readonly App[],
  most: number,
): Promise<Figure[]> {
  await Promise.all(apps.map(app => app.die()))
  const died = Date.now()
  const last = new Map<Variant, number>()
  while (Date.now() - died < most * 1000) {
    const found = await prometheus.query('count by (variant) (lab_work_total)')
    for (const { metric } of found) last.set(metric.variant as Variant, (Date.now() - died) / 1000)
    if (found.length === 0) break
    await lab.pause(0.25)
  }
  return [...last].map(([variant, seconds]) => ({
    name: 'a dead app is still shown',
    variant,
    setting: '',
    unit: 's',
    values: [seconds],
    ...(seconds > most - 1 ? { note: 'still there when the experiment ended' } : {}),
  }))
}

function plotsOf(live: readonly Evaluation[], { windows }: Parameters, from: number): Observed['plots'] {
  const settings = [...new Set(live.map(one => one.setting))]
  const [window] = windows
  return settings.flatMap(setting => {
    const of = (variant: Variant) =>
      live.filter(one => one.variant === variant && one.setting === setting && one.window === window)
    const variants = ['direct', 'naive', 'naive with timestamps', 'ours'] as const
    const lines = (points: (evaluations: Evaluation[]) => Line['points']) =>
      variants.map((variant): Line => ({ variant, label: '', points: points(of(variant)) }))
    return [
      {
        kind: 'time' as const,
        title: `rate(x[${window}]) of a counter that counts 10 a second, asked live (${setting})`,
        caption: 'The truth is a flat line at 10. What differs from it is made by the way through the queue.',
        x: 'seconds',
        y: 'per second',
        lines: lines(evaluations => evaluations.map(one => [one.at - from, one.rate] as const)),
      },
      {
        kind: 'distribution' as const,
        title: `How far it is off (${setting})`,
        caption: 'Share of the queries whose error is not above x. Further left is better.',
        x: 'error, %',
        y: 'share of queries',
        logX: true,
        // A hundredth of a percent is as good as none.
        lines: lines(evaluations =>
          distribution(evaluations.map(one => Math.max(0.01, Math.abs(errorOf(one))))),
        ),
      },
    ]
  })
}
