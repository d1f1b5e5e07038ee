import type { Experiment } from '../experiment.js'
import { isKnown, valuesOf } from '../figures.js'
import { COLLECTED_METRIC } from '../fleet/workload.js'
import type { Cluster } from '../harness/cluster.js'
import type { Fleet } from '../harness/fleet.js'
import type { Lab } from '../harness/lab.js'
import { Meter, type ResourceUsage } from '../harness/meter.js'
import type { LabProcess } from '../harness/process.js'
import { globalConfig, job, type LabPrometheus, RECEIVER_FLAGS } from '../harness/prometheus.js'
import { distribution, quantile } from '../stats/quantile.js'
import type { Figure, Line, Observations } from '../types.js'

/**
 * Throughput, delay and CPU cost. The load is raised step by step until an overload is detected.
 * The variants run one after the other, because on one machine an overloaded variant would slow
 * down the others.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  readonly seriesPerApp: number
  /** Number of apps at each step. */
  readonly apps: readonly number[]
  readonly variants: readonly LoadVariant[]
  readonly settleSeconds: number
  readonly measureSeconds: number
}

const LOAD_VARIANTS = ['direct', 'naive', 'kafka-exposer', 'remote write'] as const
type LoadVariant = (typeof LOAD_VARIANTS)[number]
const COMPONENTS = ['apps', 'Kafka', 'exposer', 'Prometheus'] as const
type Component = (typeof COMPONENTS)[number]

/** Measurements of one variant at one load. */
interface Step {
  readonly apps: number
  /** Offered load, samples per second. */
  readonly offered: number
  /** Seconds from each observed collection until its sample was queryable. */
  readonly delays: readonly number[]
  /** Expected number of collections of the observed apps. */
  readonly expected: number
  /** Percentage of the expected collections that became queryable. */
  readonly arrived: number
  /** Percentage of failed scrapes. */
  readonly failed: number
  /** Consumer lag of the exposer in seconds; NaN for variants that do not export it. */
  readonly lag: number
  readonly usage: Record<Component, ResourceUsage>
  /** Maximum lateness of the fleet's own timers, ms. */
  readonly maxLatenessMs: number
}

const THROUGHPUT = 'samples per second that arrived'
const DELAY = 'delay from collection to queryable'
const ARRIVED = 'collections that arrived'
const LAG = 'consumer lag'
const CPU_PER_SAMPLE = 'CPU per million samples'
const CPU_USAGE = 'CPU usage'
/** Number of apps whose delay is observed. Queries for all apps would add a load of their own. */
const OBSERVED_APPS = 40
const POLL_SECONDS = 0.25

export const load: Experiment<Parameters> = {
  name: 'load',
  title: 'Load: throughput, delay and CPU cost',
  question:
    'How many samples per second can the pipeline sustain, and how much CPU does a sample cost?',
  short: {
    intervalSeconds: 2,
    seriesPerApp: 500,
    apps: [40, 160, 640],
    variants: [...LOAD_VARIANTS],
    // Prometheus scrapes new targets after at most 7 s: the refresh and its own throttling.
    settleSeconds: 6,
    measureSeconds: 6,
  },
  full: {
    intervalSeconds: 5,
    seriesPerApp: 500,
    apps: [400, 1600, 3200],
    variants: [...LOAD_VARIANTS],
    settleSeconds: 20,
    measureSeconds: 30,
  },
  reduced: {
    intervalSeconds: 1,
    seriesPerApp: 50,
    apps: [2, 8],
    variants: [...LOAD_VARIANTS],
    settleSeconds: 1,
    measureSeconds: 3,
  },

  estimate: ({ variants, apps, settleSeconds, measureSeconds, intervalSeconds }) =>
    12 +
    variants.length *
      (8 + 2 * intervalSeconds + apps.length * (settleSeconds + measureSeconds + 1)),

  async run(lab, parameters): Promise<Observations> {
    lab.reportStep('starting Kafka')
    const cluster = await lab.startCluster()
    const figures: Figure[] = []
    const stepsByVariant = new Map<LoadVariant, readonly Step[]>()
    for (const [i, variant] of parameters.variants.entries()) {
      const steps = await lab.runNested(nested => rampUp(nested, cluster, variant, parameters))
      stepsByVariant.set(variant, steps)
      figures.push(...figuresOf(variant, steps, parameters))
      lab.reportCompletion((i + 1) / parameters.variants.length)
    }
    return {
      figures,
      plots: plotsOf(stepsByVariant, parameters),
      notMeasured: notMeasured(parameters),
    }
  },

  judge({ figures }, parameters) {
    const { intervalSeconds, apps } = parameters
    const maximum = (variant: LoadVariant) => Math.max(0, ...valuesOf(figures, THROUGHPUT, variant))
    const sustained = (variant: LoadVariant) =>
      apps.filter(
        count => valuesOf(figures, THROUGHPUT, variant, settingOf(count, parameters)).length > 0,
      )
    const valueAt = (name: string, variant: LoadVariant, count: number | undefined) =>
      count === undefined
        ? Number.NaN
        : (valuesOf(figures, name, variant, settingOf(count, parameters))[0] ?? Number.NaN)
    const steps = sustained('kafka-exposer')
    const last = steps.at(-1)
    const cost = (component: Component) =>
      valueAt(`${CPU_PER_SAMPLE}: ${component}`, 'kafka-exposer', last)
    const lastSent = sustained('remote write').at(-1)
    const costs = (variant: LoadVariant) =>
      valueAt(`${CPU_PER_SAMPLE}: Prometheus`, variant, lastSent)
    const p50 = (variant: LoadVariant) => valueAt(`${DELAY}, p50`, variant, lastSent)
    const p99 = (variant: LoadVariant, count = last) => valueAt(`${DELAY}, p99`, variant, count)
    const longest = Math.max(...steps.map(count => p99('kafka-exposer', count)))
    const offered = (Math.max(...apps) * parameters.seriesPerApp) / intervalSeconds
    return [
      {
        claim: 'kafka-exposer sustains at least as many samples per second as the naive exposer',
        holds:
          maximum('kafka-exposer') > 0
            ? maximum('kafka-exposer') >= 0.95 * maximum('naive')
            : false,
        because: `${formatRate(maximum('kafka-exposer'))} kafka-exposer, ${formatRate(maximum('naive'))} naive, ${formatRate(maximum('direct'))} direct, ${formatRate(maximum('remote write'))} remote write, of ${formatRate(offered)} offered at the last step`,
      },
      {
        claim: 'Per sample the exposer uses less CPU than Prometheus',
        holds: isKnown(cost('exposer'), cost('Prometheus'))
          ? cost('exposer') < cost('Prometheus')
          : null,
        because: isKnown(cost('exposer'), cost('Prometheus'))
          ? `${cost('exposer').toFixed(2)} CPU seconds per million samples in the exposer, ${cost('Prometheus').toFixed(2)} in Prometheus`
          : 'the CPU usage was not measured',
      },
      {
        claim:
          'Below overload the p99 delay from collection to queryable is at most three intervals and one second',
        holds: isKnown(longest) ? longest <= 3 * intervalSeconds + 1 : null,
        because: isKnown(longest)
          ? `p99 with kafka-exposer: at most ${longest.toFixed(1)} s; direct: ${formatDelay(p99('direct'))}, naive: ${formatDelay(p99('naive'))}`
          : 'no load was sustained',
      },
      {
        claim:
          'Half of the samples are queryable earlier with remote write than with virtual targets',
        holds: isKnown(p50('remote write'), p50('kafka-exposer'))
          ? p50('remote write') < p50('kafka-exposer')
          : null,
        because: isKnown(p50('remote write'), p50('kafka-exposer'))
          ? `p50 at the last load that remote write sustained: ${formatDelay(p50('remote write'))}, virtual targets: ${formatDelay(p50('kafka-exposer'))}`
          : 'no load was sustained by both',
      },
      {
        claim: 'Per sample Prometheus uses more CPU with remote write than when it scrapes',
        holds: isKnown(costs('remote write'), costs('kafka-exposer'))
          ? costs('remote write') > costs('kafka-exposer')
          : null,
        because: isKnown(costs('remote write'), costs('kafka-exposer'))
          ? `CPU seconds of Prometheus per million samples: ${costs('remote write').toFixed(2)} with remote write, ${costs('kafka-exposer').toFixed(2)} with virtual targets`
          : 'the CPU usage was not measured',
      },
    ]
  },
}

const formatDelay = (seconds: number) =>
  Number.isFinite(seconds) ? `${seconds.toFixed(1)} s` : 'overloaded at a lower load'

const formatRate = (samplesPerSecond: number) => `${Math.round(samplesPerSecond / 1000)} k/s`

const settingOf = (apps: number, { seriesPerApp, intervalSeconds }: Parameters) =>
  `${apps} apps, ${formatRate((apps * seriesPerApp) / intervalSeconds)}`

/** Raises the load step by step until an overload is detected. */
async function rampUp(
  lab: Lab,
  cluster: Cluster,
  variant: LoadVariant,
  parameters: Parameters,
): Promise<Step[]> {
  const { fleet, exposers, prometheus } = await arrange(lab, cluster, variant, parameters)
  const steps: Step[] = []
  for (const apps of [...parameters.apps].sort((a, b) => a - b)) {
    lab.reportStep(`${variant}: ${settingOf(apps, parameters)}`)
    await fleet.growTo(apps)
    await lab.sleep(parameters.settleSeconds + parameters.intervalSeconds)
    await fleet.stats() // Resets the maximum lateness.
    const meter = new Meter({
      apps: [fleet.process],
      Kafka: variant === 'direct' ? [] : [cluster],
      exposer: exposers,
      Prometheus: [prometheus],
    })
    const arrivals = await observeArrivals(lab, prometheus, apps, parameters)
    const usage = meter.read()
    const step = {
      ...arrivals,
      apps,
      offered: (apps * parameters.seriesPerApp) / parameters.intervalSeconds,
      failed: await failedScrapes(prometheus, parameters),
      lag: await consumerLag(variant, exposers),
      usage,
      maxLatenessMs: (await fleet.stats()).maxLatenessMs,
    }
    steps.push(step)
    if (overloadOf(step, parameters)) break
  }
  return steps
}

/** The symptom of an overload; undefined if there is none. */
function overloadOf(
  { failed, expected, arrived, delays, maxLatenessMs }: Step,
  { intervalSeconds }: Parameters,
): string | undefined {
  const p50 = quantile(delays, 0.5)
  // An overloaded load generator invalidates the other figures, so it is checked first.
  if (maxLatenessMs > intervalSeconds * 500)
    return `the apps collect ${(maxLatenessMs / 1000).toFixed(1)} s late`
  if (delays.length === 0) return 'no samples arrive'
  if (failed > 5) return `${failed.toFixed(0)} % of the scrapes fail`
  if (p50 > 4 * intervalSeconds + 2) return `the median delay is ${p50.toFixed(1)} s`
  // For a small number, one collection at the edge of the window changes the percentage
  // considerably.
  if (expected >= 20 && arrived < 75) return `${arrived.toFixed(0)} % of the collections arrive`
  return undefined
}

async function arrange(lab: Lab, cluster: Cluster, variant: LoadVariant, parameters: Parameters) {
  const { seriesPerApp, intervalSeconds, apps } = parameters
  const topic = await cluster.createTopic()
  const topics =
    variant === 'direct' ? {} : variant === 'naive' ? { naive: topic } : { snapshots: topic }
  const startFleet = () =>
    lab.startFleet({
      job: 'lab',
      targets: Math.min(...apps),
      series: seriesPerApp,
      intervalMs: intervalSeconds * 1000,
      brokers: cluster.brokers,
      topics,
    })
  const interval = `${intervalSeconds}s`
  const startPrometheus = (scrapeConfig: object) =>
    lab.startPrometheus({ global: globalConfig(interval), scrape_configs: [scrapeConfig] })
  const whenReady = async (fleet: Fleet, exposers: LabProcess[], prometheus: LabPrometheus) => {
    await lab.waitUntil(
      'Prometheus has the first samples',
      async () => (await prometheus.query(COLLECTED_METRIC)).length > 0,
    )
    return { fleet, exposers, prometheus }
  }
  if (variant === 'kafka-exposer') {
    const group = await lab.startExposerGroup(cluster, topic)
    const fleet = await startFleet()
    return whenReady(fleet, group.shards, await startPrometheus(job.virtualTargets(group)))
  }
  if (variant === 'remote write') {
    const prometheus = await lab.startPrometheus({ global: globalConfig(interval) }, RECEIVER_FLAGS)
    const group = await lab.startRemoteWriters(cluster, topic, [prometheus])
    return whenReady(await startFleet(), group.shards, prometheus)
  }
  if (variant === 'naive') {
    const naive = await lab.startNaiveExposer(cluster, topic)
    const fleet = await startFleet()
    return whenReady(fleet, [naive], await startPrometheus(job.massive('naive', interval, [naive])))
  }
  const fleet = await startFleet()
  return whenReady(fleet, [], await startPrometheus(job.direct(interval, [fleet.process])))
}

/** Polls the collection times of some apps. Each new collection time is one arrival. */
async function observeArrivals(
  lab: Lab,
  prometheus: LabPrometheus,
  apps: number,
  { intervalSeconds, measureSeconds }: Parameters,
): Promise<Pick<Step, 'delays' | 'expected' | 'arrived'>> {
  const stride = Math.max(1, Math.ceil(apps / OBSERVED_APPS))
  const instances = Array.from({ length: Math.ceil(apps / stride) }, (_, i) => `app-${i * stride}`)
  const selector = `${COLLECTED_METRIC}{instance=~"${instances.join('|')}"}`
  const newest = new Map<string, number>()
  const delays: number[] = []
  const startMs = Date.now()
  for (let poll = 0; Date.now() - startMs < measureSeconds * 1000; poll++) {
    const result = await prometheus.query(selector)
    const now = Date.now() / 1000
    for (const { metric, value } of result) {
      const collected = Number(value[1])
      const previous = newest.get(metric.instance)
      newest.set(metric.instance, collected)
      // The arrival time of the values of the first poll is unknown.
      if (poll > 0 && previous !== collected) delays.push(now - collected)
    }
    await lab.sleep(POLL_SECONDS)
  }
  const seconds = (Date.now() - startMs) / 1000
  const expected = (instances.length * (seconds - POLL_SECONDS)) / intervalSeconds
  return { delays, expected, arrived: Math.min(100, (100 * delays.length) / expected) }
}

/** Percentage of failed scrapes; 100 if there were none. */
async function failedScrapes(
  prometheus: LabPrometheus,
  { measureSeconds }: Parameters,
): Promise<number> {
  const window = `${Math.round(measureSeconds)}s`
  const succeeded = await prometheus.queryValue(`sum(sum_over_time(up[${window}]))`)
  const all = await prometheus.queryValue(`sum(count_over_time(up[${window}]))`)
  return Number.isNaN(all) ? 100 : 100 * (1 - succeeded / all)
}

async function consumerLag(
  variant: LoadVariant,
  [exposer]: readonly LabProcess[],
): Promise<number> {
  if (variant !== 'kafka-exposer' && variant !== 'remote write') return Number.NaN
  const telemetry = await exposer.get('/telemetry')
  const lags = [...telemetry.matchAll(/^exposer_consumer_lag_seconds\{.*\} (\S+)/gm)].map(
    ([, text]) => Number(text),
  )
  return Math.max(...lags)
}

function figuresOf(variant: LoadVariant, steps: readonly Step[], parameters: Parameters): Figure[] {
  return steps.flatMap(step => {
    const { offered, arrived, delays, lag, usage, apps } = step
    const figure = (name: string, value: number, unit: string): Figure => ({
      name,
      variant,
      setting: settingOf(apps, parameters),
      unit,
      values: Number.isFinite(value) ? [value] : [],
      ...(Number.isFinite(value) ? {} : { note: 'no samples, or no /proc on this system' }),
    })
    const overload = overloadOf(step, parameters)
    const throughput = (offered * arrived) / 100
    const components = COMPONENTS.filter(
      component => variant !== 'direct' || component === 'apps' || component === 'Prometheus',
    )
    const quantiles = [
      ['p50', 0.5],
      ['p99', 0.99],
      ['p99.9', 0.999],
    ] as const
    return [
      overload === undefined
        ? figure(THROUGHPUT, throughput, 'samples/s')
        : { ...figure(THROUGHPUT, Number.NaN, 'samples/s'), note: `overload: ${overload}` },
      figure(ARRIVED, arrived, '%'),
      ...quantiles.map(([name, q]) => figure(`${DELAY}, ${name}`, quantile(delays, q), 's')),
      ...(Number.isNaN(lag) ? [] : [figure(LAG, lag, 's')]),
      ...components.flatMap(component => [
        figure(
          `${CPU_PER_SAMPLE}: ${component}`,
          (usage[component].cpuSeconds * 1e6) / (throughput * parameters.measureSeconds),
          'CPU-s',
        ),
        figure(`${CPU_USAGE}: ${component}`, 100 * usage[component].cores, '% of a core'),
      ]),
    ]
  })
}

function plotsOf(
  stepsByVariant: ReadonlyMap<LoadVariant, readonly Step[]>,
  parameters: Parameters,
): Observations['plots'] {
  const lastSustained = (steps: readonly Step[]) =>
    steps.filter(step => overloadOf(step, parameters) === undefined).at(-1)
  const cpuPerMillion = ({ usage, offered, arrived }: Step) =>
    ((usage.exposer.cpuSeconds + usage.Prometheus.cpuSeconds) * 1e6) /
    (((offered * arrived) / 100) * parameters.measureSeconds)
  const delays: Observations['plots'][number] = {
    kind: 'distribution',
    title: 'Delay from collection to queryable, at the last load that each variant sustained',
    caption: `The interval is ${parameters.intervalSeconds} s. A direct scrape collects the sample. A sample from Kafka waits for the next scrape, and with kafka-exposer for its playout delay.`,
    x: 'seconds',
    y: 'share of the samples',
    lines: [...stepsByVariant].flatMap(([variant, steps]) => {
      const step = lastSustained(steps)
      return step ? [{ variant, label: '', points: distribution(step.delays) }] : []
    }),
  }
  const scaling = (title: string, caption: string, y: string, select: (step: Step) => number) => ({
    kind: 'scaling' as const,
    title,
    caption,
    x: 'samples per second',
    y,
    lines: [...stepsByVariant]
      .map(
        ([variant, steps]): Line => ({
          variant,
          label: '',
          points: steps
            .map(step => [step.offered, select(step)] as const)
            .filter(([, value]) => Number.isFinite(value)),
        }),
      )
      .filter(({ points }) => points.length > 1),
  })
  return [
    delays,
    scaling(
      'Delay from collection to queryable by load, p99',
      'A rising line indicates an overload.',
      'seconds',
      step => quantile(step.delays, 0.99),
    ),
    scaling(
      'CPU of Prometheus and the exposer per million samples, by load',
      'The sum, because a saving in one of them can be a cost in the other.',
      'CPU seconds',
      cpuPerMillion,
    ),
  ].filter(({ lines }) => lines.some(({ points }) => points.length > 1))
}

function notMeasured({ apps }: Parameters): string[] {
  return [
    ...(Math.max(...apps) < 1000 ? ['more than 1,000 apps: only in the full edition'] : []),
    'consumer lag of the naive exposer: it exports none, and its delay includes the lag',
    'CPU of the individual apps: one process stands for all of them',
  ]
}
