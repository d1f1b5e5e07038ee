import type { Experiment } from '../experiment.js'
import { COLLECTED } from '../fleet/workload.js'
import type { Cluster } from '../harness/cluster.js'
import type { Fleet, Lab } from '../harness/lab.js'
import { Meter, type Metered } from '../harness/meter.js'
import type { LabProcess } from '../harness/process.js'
import { everyTarget, job, type LabPrometheus } from '../harness/prometheus.js'
import { distribution, quantile } from '../stats/quantile.js'
import type { Figure, Line, Observed } from '../types.js'
import { figureOf } from './figures.js'

/**
 * How much goes through it. A fleet grows step by step until something gives, each way by itself, because on one machine the first to give would take the others with
 * it; how long a sample takes from its collection until it can be queried, and what CPU it costs whom.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  readonly seriesPerApp: number
  /** Apps at each step. */
  readonly apps: readonly number[]
  readonly ways: readonly Way[]
  readonly settleSeconds: number
  readonly measureSeconds: number
}

const WAYS = ['direct', 'naive', 'ours'] as const
type Way = (typeof WAYS)[number]
const PROCESSES = ['apps', 'Kafka', 'exposer', 'Prometheus'] as const
type Process = (typeof PROCESSES)[number]

/** What one step of one way came to. */
interface Step {
  readonly apps: number
  /** Samples collected a second. */
  readonly offered: number
  /** Seconds, of each collection of each app that was watched: until it could be queried. */
  readonly delays: readonly number[]
  /** Collections of the apps that were watched. */
  readonly expected: number
  /** Percent of them. */
  readonly arrived: number
  readonly failed: number
  /** Seconds that the exposer is behind the end of the log; NaN when there is none. */
  readonly lag: number
  readonly usage: Record<Process, Metered>
  /** Ms that the fleet's own timers were late. */
  readonly latestMs: number
}

const OFFERED = 'samples a second that arrived'
const DELAY = 'from collection to queryable'
const ARRIVED = 'collections that arrived'
const LAG = 'behind the end of the log'
const CPU = 'CPU for a million samples'
const BUSY = 'CPU of one process'
/** Every so manieth app is watched: asking for all of them would be a load of its own. */
const WATCHED = 40
const ASK_SECONDS = 0.25

export const load: Experiment<Parameters> = {
  name: 'load',
  title: 'Load: how much goes through, how late, at what cost',
  question: 'How many samples a second can it take, and what does each of them cost?',
  short: {
    intervalSeconds: 2,
    seriesPerApp: 500,
    apps: [40, 160, 640],
    ways: [...WAYS],
    settleSeconds: 3,
    measureSeconds: 6,
  },
  full: {
    intervalSeconds: 5,
    seriesPerApp: 500,
    apps: [400, 1600, 3200],
    ways: [...WAYS],
    settleSeconds: 20,
    measureSeconds: 30,
  },
  reduced: {
    intervalSeconds: 1,
    seriesPerApp: 50,
    apps: [2, 8],
    ways: [...WAYS],
    settleSeconds: 2,
    measureSeconds: 4,
  },

  estimate: ({ ways, apps, settleSeconds, measureSeconds, intervalSeconds }) =>
    12 + ways.length * (8 + 2 * intervalSeconds + apps.length * (settleSeconds + measureSeconds + 1)),

  async run(lab, parameters): Promise<Observed> {
    lab.say('starting a Kafka')
    const cluster = await lab.cluster()
    const figures: Figure[] = []
    const all = new Map<Way, readonly Step[]>()
    for (const [i, way] of parameters.ways.entries()) {
      const steps = await lab.within(inner => ramp(inner, cluster, way, parameters))
      all.set(way, steps)
      figures.push(...figuresOf(way, steps, parameters))
      lab.share((i + 1) / parameters.ways.length)
    }
    return { figures, plots: plotsOf(all, parameters), notMeasured: notMeasured(parameters) }
  },

  judge({ figures }, parameters) {
    const { intervalSeconds, apps } = parameters
    const most = (way: Way) => Math.max(0, ...figureOf(figures, OFFERED, way))
    const standing = (way: Way) =>
      apps.filter(count => figureOf(figures, OFFERED, way, settingOf(count, parameters)).length > 0)
    const last = standing('ours').at(-1)
    const cost = (process: Process) =>
      last === undefined
        ? Number.NaN
        : (figureOf(figures, `${CPU}: ${process}`, 'ours', settingOf(last, parameters))[0] ?? Number.NaN)
    const delay = (way: Way, share: string, count: number | undefined) =>
      count === undefined
        ? Number.NaN
        : (figureOf(figures, `${DELAY}, ${share}`, way, settingOf(count, parameters))[0] ?? Number.NaN)
    const known = (...values: number[]) => values.every(value => Number.isFinite(value))
    const slowest = Math.max(...standing('ours').map(count => delay('ours', 'p99', count)))
    return [
      {
        claim: 'Ours takes at least as many samples a second as the naive exposer',
        holds: most('ours') > 0 ? most('ours') >= 0.95 * most('naive') : false,
        because: `ours ${rate(most('ours'))}, naive ${rate(most('naive'))}, scraped directly ${rate(most('direct'))}, of ${rate((Math.max(...apps) * parameters.seriesPerApp) / intervalSeconds)} at the last step`,
      },
      {
        claim: 'To consume, keep and render a sample costs the exposer less CPU than Prometheus needs for it',
        holds: known(cost('exposer'), cost('Prometheus')) ? cost('exposer') < cost('Prometheus') : null,
        because: known(cost('exposer'), cost('Prometheus'))
          ? `${cost('exposer').toFixed(2)} against ${cost('Prometheus').toFixed(2)} CPU seconds for a million samples`
          : 'it was not measured',
      },
      {
        claim:
          'What was collected can be queried three intervals and a second later, at p99, as long as nothing gives',
        holds: known(slowest) ? slowest <= 3 * intervalSeconds + 1 : null,
        because: known(slowest)
          ? `p99 ${slowest.toFixed(1)} s at most with ours; directly ${inTime(delay('direct', 'p99', last))}, naive ${inTime(delay('naive', 'p99', last))}`
          : 'nothing stood',
      },
    ]
  },
}

const inTime = (seconds: number) =>
  Number.isFinite(seconds) ? `${seconds.toFixed(1)} s` : 'had given before'

const rate = (samples: number) => `${Math.round(samples / 1000)} k/s`

const settingOf = (apps: number, { seriesPerApp, intervalSeconds }: Parameters) =>
  `${apps} apps, ${rate((apps * seriesPerApp) / intervalSeconds)}`

/** Step by step until something gives. */
async function ramp(lab: Lab, cluster: Cluster, way: Way, parameters: Parameters): Promise<Step[]> {
  const { fleet, exposers, prometheus } = await arrange(lab, cluster, way, parameters)
  const steps: Step[] = []
  for (const apps of [...parameters.apps].sort((a, b) => a - b)) {
    lab.say(`${way}: ${settingOf(apps, parameters)}`)
    await fleet.grow(apps)
    await lab.pause(parameters.settleSeconds + parameters.intervalSeconds)
    await fleet.stats()
    const meter = new Meter({
      apps: [fleet.process],
      Kafka: way === 'direct' ? [] : [cluster],
      exposer: exposers,
      Prometheus: [prometheus],
    })
    const watched = await watch(lab, prometheus, apps, parameters)
    const usage = meter.read()
    const step = {
      ...watched,
      apps,
      offered: (apps * parameters.seriesPerApp) / parameters.intervalSeconds,
      failed: await failedOf(prometheus, parameters),
      lag: await lagOf(way, exposers),
      usage,
      latestMs: (await fleet.stats()).latestMs,
    }
    steps.push(step)
    if (gave(step, parameters)) break
  }
  return steps
}

/** What has given, in words; undefined when nothing has. */
function gave(
  { failed, expected, arrived, delays, latestMs }: Step,
  { intervalSeconds }: Parameters,
): string | undefined {
  const p50 = quantile(delays, 0.5)
  // The generator is not what is tested.
  if (latestMs > intervalSeconds * 500)
    return `the apps themselves collect ${(latestMs / 1000).toFixed(1)} s late`
  if (delays.length === 0) return 'nothing arrives'
  if (failed > 5) return `${failed.toFixed(0)} % of the scrapes fail`
  if (p50 > 4 * intervalSeconds + 2) return `samples are ${p50.toFixed(1)} s late`
  // Of a few, one more or less is but the edge of the window.
  if (expected >= 20 && arrived < 75) return `${arrived.toFixed(0)} % of the collections arrive`
  return undefined
}

async function arrange(lab: Lab, cluster: Cluster, way: Way, parameters: Parameters) {
  const { seriesPerApp, intervalSeconds, apps } = parameters
  const topic = await cluster.topic()
  const topics = way === 'ours' ? { ours: topic } : way === 'naive' ? { naive: topic } : {}
  const startFleet = () =>
    lab.fleet({
      job: 'lab',
      targets: Math.min(...apps),
      series: seriesPerApp,
      intervalMs: intervalSeconds * 1000,
      brokers: cluster.brokers,
      topics,
    })
  const every = `${intervalSeconds}s`
  const startPrometheus = (scrape: object) =>
    lab.prometheus({
      global: everyTarget(every),
      scrape_configs: [scrape],
    })
  const whole = async (fleet: Fleet, exposers: LabProcess[], prometheus: LabPrometheus) => {
    await lab.until('the first samples are there', async () => (await prometheus.query(COLLECTED)).length > 0)
    return { fleet, exposers, prometheus }
  }
  if (way === 'ours') {
    const ours = await lab.ours(cluster, topic)
    return whole(await startFleet(), ours.shards, await startPrometheus(job.ours(ours)))
  }
  if (way === 'naive') {
    const naive = await lab.naive(cluster, topic)
    return whole(await startFleet(), [naive], await startPrometheus(job.massive('naive', every, [naive])))
  }
  const fleet = await startFleet()
  return whole(fleet, [], await startPrometheus(job.direct(every, [fleet.process])))
}

/** Asks again and again for the newest of the apps that are watched: each new time of collection is one that has arrived. */
async function watch(
  lab: Lab,
  prometheus: LabPrometheus,
  apps: number,
  { intervalSeconds, measureSeconds }: Parameters,
): Promise<Pick<Step, 'delays' | 'expected' | 'arrived'>> {
  const step = Math.max(1, Math.ceil(apps / WATCHED))
  const instances = Array.from({ length: Math.ceil(apps / step) }, (_, i) => `app-${i * step}`)
  const selector = `${COLLECTED}{instance=~"${instances.join('|')}"}`
  const seen = new Map<string, number>()
  const delays: number[] = []
  const began = Date.now()
  for (let asked = 0; Date.now() - began < measureSeconds * 1000; asked++) {
    const found = await prometheus.query(selector)
    const now = Date.now() / 1000
    for (const { metric, value } of found) {
      const collected = Number(value[1])
      const before = seen.get(metric.instance)
      seen.set(metric.instance, collected)
      // When the first one arrived nobody saw.
      if (asked > 0 && before !== collected) delays.push(now - collected)
    }
    await lab.pause(ASK_SECONDS)
  }
  const seconds = (Date.now() - began) / 1000
  const expected = (instances.length * (seconds - ASK_SECONDS)) / intervalSeconds
  return { delays, expected, arrived: Math.min(100, (100 * delays.length) / expected) }
}

async function failedOf(prometheus: LabPrometheus, { measureSeconds }: Parameters): Promise<number> {
  const window = `${Math.round(measureSeconds)}s`
  const good = await prometheus.value(`sum(sum_over_time(up[${window}]))`)
  const all = await prometheus.value(`sum(count_over_time(up[${window}]))`)
  return Number.isNaN(all) ? 100 : 100 * (1 - good / all)
}

async function lagOf(way: Way, [exposer]: readonly LabProcess[]): Promise<number> {
  if (way !== 'ours') return Number.NaN
  const telemetry = await exposer.get('/telemetry')
  const lags = [...telemetry.matchAll(/^exposer_consumer_lag_seconds\{.*\} (\S+)/gm)].map(([, text]) =>
    Number(text),
  )
  return Math.max(...lags)
}

function figuresOf(way: Way, steps: readonly Step[], parameters: Parameters): Figure[] {
  return steps.flatMap(step => {
    const { offered, arrived, delays, lag, usage, apps } = step
    const figure = (name: string, value: number, unit: string, note?: string): Figure => ({
      name,
      variant: way,
      setting: settingOf(apps, parameters),
      unit,
      values: Number.isFinite(value) && note === undefined ? [value] : [],
      ...(note !== undefined
        ? { note }
        : Number.isFinite(value)
          ? {}
          : { note: 'this system does not say, or there is none' }),
    })
    const what = gave(step, parameters)
    const samples = (offered * arrived) / 100
    const processes = PROCESSES.filter(name =>
      way === 'direct' ? name === 'apps' || name === 'Prometheus' : true,
    )
    return [
      figure(OFFERED, samples, 'samples/s', what && `gave: ${what}`),
      figure(ARRIVED, arrived, '%'),
      ...(
        [
          ['p50', 0.5],
          ['p99', 0.99],
          ['p99.9', 0.999],
        ] as const
      ).map(([name, share]) => figure(`${DELAY}, ${name}`, quantile(delays, share), 's')),
      ...(way === 'ours' ? [figure(LAG, lag, 's')] : []),
      ...processes.flatMap(name => [
        figure(
          `${CPU}: ${name}`,
          (usage[name].cpuSeconds * 1e6) / (samples * parameters.measureSeconds),
          'CPU-s',
        ),
        figure(`${BUSY}: ${name}`, 100 * usage[name].cores, '% of a core'),
      ]),
    ]
  })
}

function plotsOf(all: ReadonlyMap<Way, readonly Step[]>, parameters: Parameters): Observed['plots'] {
  const stood = (steps: readonly Step[]) => steps.filter(step => gave(step, parameters) === undefined)
  const lines = (of: (step: Step) => number): Line[] =>
    [...all].map(([variant, steps]) => ({
      variant,
      label: '',
      points: steps.map(step => [step.offered, of(step)] as const).filter(([, y]) => Number.isFinite(y)),
    }))
  const last = (steps: readonly Step[]) => stood(steps).at(-1)
  const cost = (step: Step) =>
    ((step.usage.exposer.cpuSeconds + step.usage.Prometheus.cpuSeconds) * 1e6) /
    (((step.offered * step.arrived) / 100) * parameters.measureSeconds)
  const delays: Observed['plots'][number] = {
    kind: 'distribution',
    title: 'From collection to queryable, at the last step that each stood',
    caption: `The interval is ${parameters.intervalSeconds} s. What is scraped directly is collected by the scrape; what comes through a queue waits for the next one, and ours until it is due.`,
    x: 'seconds',
    y: 'share of the samples',
    lines: [...all].flatMap(([variant, steps]) => {
      const step = last(steps)
      return step ? [{ variant, label: '', points: distribution(step.delays) }] : []
    }),
  }
  const scaling = (title: string, caption: string, y: string, of: (step: Step) => number) => ({
    kind: 'scaling' as const,
    title,
    caption,
    x: 'samples a second',
    y,
    lines: lines(of).filter(({ points }) => points.length > 1),
  })
  return [
    delays,
    scaling(
      'p99 from collection to queryable, by load',
      'A line that bends upwards is one that gives.',
      'seconds',
      step => quantile(step.delays, 0.99),
    ),
    scaling(
      'CPU of Prometheus and the exposer for a million samples, by load',
      'Together, because what one saves the other may pay.',
      'CPU seconds',
      cost,
    ),
  ].filter(({ lines: some }) => some.some(({ points }) => points.length > 1))
}

function notMeasured({ apps }: Parameters): string[] {
  return [
    ...(Math.max(...apps) < 1000 ? ['more than a thousand apps: only in the full edition'] : []),
    'lag in records of the naive exposer: its delay says it',
    'the apps’ own CPU is that of one process that stands for all of them',
  ]
}
