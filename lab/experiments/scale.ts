import type { Experiment } from '../experiment.js'
import { valuesOf } from '../figures.js'
import { COLLECTED_METRIC } from '../fleet/workload.js'
import type { Cluster } from '../harness/cluster.js'
import type { Fleet } from '../harness/fleet.js'
import type { Lab } from '../harness/lab.js'
import { Meter, type ResourceUsage } from '../harness/meter.js'
import type { LabProcess } from '../harness/process.js'
import { globalConfig, job, type LabPrometheus, RECEIVER_FLAGS } from '../harness/prometheus.js'
import { quantile } from '../stats/quantile.js'
import type { Figure, Line, Observations, Variant } from '../types.js'

/**
 * Scrape duration and resource usage by the number of series: one massive target per exposer
 * against one target per app, and what remote write needs instead. The setups run one after the other, because each is measured by what
 * it needs of the machine.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  readonly seriesPerApp: number
  /** Total numbers of series. */
  readonly sizes: readonly number[]
  readonly setups: readonly Setup[]
  /** Numbers of kafka-exposer shards at the largest size. All other sizes use one shard. */
  readonly shards: readonly number[]
  readonly measureSeconds: number
}

/** A variant and, of kafka-exposer, what Prometheus scrapes: massive or virtual targets. */
type Setup = 'direct' | 'naive' | 'naive with timestamps' | 'massive' | 'virtual' | 'remote write'

interface Case {
  readonly setup: Setup
  readonly shards: number
  readonly series: number
}

/** Measurements of one case. */
interface Measurement {
  /** Duration of the first scrape of each target, seconds. */
  readonly firstScrapes: readonly number[]
  /** Durations of the scrapes in the measured window, seconds. */
  readonly laterScrapes: readonly number[]
  /** Percentage of the expected scrapes that failed or did not start. */
  readonly failed: number
  /** Percentage of the expected samples that were scraped; with remote write, that were stored. */
  readonly scraped: number
  readonly usage: Record<'Prometheus' | 'exposers', ResourceUsage>
}

const LONGEST = 'scrape duration, max'
const FIRST = 'first scrape duration, max'
const TYPICAL = 'scrape duration, p50'
const FAILED = 'failed scrapes'
const SCRAPED = 'scraped samples, of those expected'
const STORED = 'stored samples, of those expected'
const CPU = 'CPU usage'
const RSS = 'resident memory'
/** A case is sustained if at least this percentage of the expected samples is scraped. */
const SUSTAINED_PERCENT = 90

export const scale: Experiment<Parameters> = {
  name: 'scale',
  title: 'Scale: one massive target or many small targets',
  question:
    'How many series can Prometheus scrape through Kafka, and which component is the limit?',
  short: {
    intervalSeconds: 2,
    seriesPerApp: 1000,
    sizes: [10_000, 100_000],
    setups: ['direct', 'naive', 'massive', 'virtual', 'remote write'],
    shards: [1],
    measureSeconds: 4,
  },
  full: {
    intervalSeconds: 15,
    seriesPerApp: 1000,
    sizes: [100_000, 1_000_000, 2_000_000],
    setups: ['direct', 'naive', 'naive with timestamps', 'massive', 'virtual', 'remote write'],
    shards: [1, 2, 4],
    measureSeconds: 30,
  },
  reduced: {
    intervalSeconds: 1,
    seriesPerApp: 100,
    sizes: [500, 2000],
    // Without naive, which load runs: its figures are those of a massive target.
    setups: ['direct', 'massive', 'virtual', 'remote write'],
    shards: [1],
    measureSeconds: 2,
  },

  estimate: parameters =>
    12 +
    casesOf(parameters).length * (6 + 2.5 * parameters.intervalSeconds + parameters.measureSeconds),

  async run(lab, parameters): Promise<Observations> {
    lab.reportStep('starting Kafka')
    const cluster = await lab.startCluster()
    const cases = casesOf(parameters)
    const figures: Figure[] = []
    const failedAt = new Map<Setup, number>()
    for (const [i, testCase] of cases.entries()) {
      const { setup, series } = testCase
      const failedSeries = failedAt.get(setup)
      if (failedSeries !== undefined && failedSeries < series) {
        const note = `not attempted: ${formatCount(failedSeries)} series were not sustained`
        figures.push(unmeasured(testCase, note))
        continue
      }
      lab.reportStep(`${nameOf(testCase)}: ${formatCount(series)} series`)
      const result = await lab.runNested(nested => measure(nested, cluster, testCase, parameters))
      if (typeof result === 'string') figures.push(unmeasured(testCase, result))
      else figures.push(...figuresOf(testCase, result))
      if (typeof result === 'string' || !isSustained(result)) failedAt.set(setup, series)
      lab.reportCompletion((i + 1) / cases.length)
    }
    return { figures, plots: plotsOf(figures, parameters), notMeasured: notMeasured(parameters) }
  },

  judge({ figures }, parameters) {
    const { sizes, intervalSeconds } = parameters
    const [minSize, maxSize] = [Math.min(...sizes), Math.max(...sizes)]
    const largestMeasured = (setup: Setup) =>
      casesOf(parameters)
        .filter(testCase => testCase.setup === setup && testCase.shards === 1)
        .filter(testCase => figureValue(figures, LONGEST, testCase) !== undefined)
        .at(-1)
    const massive = largestMeasured('massive')
    const virtual = largestMeasured('virtual')
    const valueAt = (name: string, setup: Setup, series: number) =>
      figureValue(figures, name, { setup, series, shards: 1 })
    const massiveMin = valueAt(LONGEST, 'massive', minSize)
    const massiveMax = massive && valueAt(LONGEST, 'massive', massive.series)
    const secondsPerSeries =
      massive && massiveMax !== undefined ? massiveMax / massive.series : Number.NaN
    const virtualMin = valueAt(TYPICAL, 'virtual', minSize)
    const virtualMax = virtual && valueAt(TYPICAL, 'virtual', virtual.series)
    const failed = valueAt(FAILED, 'virtual', maxSize)
    const stored = valueAt(STORED, 'remote write', maxSize)
    const scraped = (setup: Setup) => valueAt(SCRAPED, setup, maxSize)
    const milliseconds = (seconds: number) => `${(seconds * 1000).toFixed(0)} ms`
    return [
      {
        claim: 'The scrape duration of a massive target grows with the number of series',
        holds:
          massive &&
          massiveMin !== undefined &&
          massiveMax !== undefined &&
          massive.series > minSize
            ? massiveMax / massiveMin > massive.series / minSize / 4
            : null,
        because:
          massive && massiveMin !== undefined && massiveMax !== undefined
            ? `${massiveMin.toFixed(2)} s at ${formatCount(minSize)} series, ${massiveMax.toFixed(2)} s at ${formatCount(massive.series)}: by extrapolation a scrape takes the interval of ${intervalSeconds} s at ${formatCount(intervalSeconds / secondsPerSeries)} series`
            : 'it was not scraped at any size',
      },
      {
        claim:
          'The scrape duration of a virtual target does not depend on the total number of series',
        holds:
          virtual &&
          virtualMax !== undefined &&
          virtualMin !== undefined &&
          virtual.series > minSize
            ? virtualMax < intervalSeconds / 10
            : null,
        because:
          virtualMax !== undefined && virtualMin !== undefined && virtual
            ? `p50 ${milliseconds(virtualMin)} at ${formatCount(minSize)} series, ${milliseconds(virtualMax)} at ${formatCount(virtual.series)}`
            : 'no virtual target was scraped',
      },
      {
        claim: 'With virtual targets every sample is scraped, up to the largest size',
        holds:
          failed !== undefined && scraped('virtual') !== undefined
            ? failed === 0 && scraped('virtual')! >= 99
            : false,
        because: `at ${formatCount(maxSize)} series ${formatPercent(scraped('virtual'))} of the samples (massive: ${formatPercent(scraped('massive'))}, naive: ${formatPercent(scraped('naive'))}, direct: ${formatPercent(scraped('direct'))})`,
      },
      {
        claim: 'With remote write every sample is stored, up to the largest size',
        holds: parameters.setups.includes('remote write') ? (stored ?? 0) >= 99 : null,
        because: `at ${formatCount(maxSize)} series ${formatPercent(stored)} of the samples`,
      },
    ]
  },
}

const formatPercent = (value: number | undefined) =>
  value === undefined ? 'none' : `${value.toFixed(0)} %`

const isKafkaExposer = (setup: Setup) => setup === 'massive' || setup === 'virtual'

const readsSnapshots = (setup: Setup) => isKafkaExposer(setup) || setup === 'remote write'

function casesOf({ setups, sizes, shards }: Parameters): Case[] {
  const ascending = [...sizes].sort((a, b) => a - b)
  return setups.flatMap(setup =>
    ascending.flatMap(series => {
      const counts = readsSnapshots(setup) && series === ascending.at(-1) ? shards : [1]
      return counts.map(count => ({ setup, series, shards: count }))
    }),
  )
}

/**
 * Selects the targets that Prometheus scrapes. The massive view also contains `up` and `scrape_*`
 * of each app; those have the app's job.
 */
const targetSelector = (setup: Setup) =>
  setup === 'direct' || setup === 'virtual' || setup === 'remote write'
    ? '{job="lab"}'
    : '{job!="lab"}'

const variantOf = (setup: Setup): Variant =>
  setup === 'massive' || setup === 'virtual' ? 'kafka-exposer' : setup

/** What distinguishes the setup from others of its variant: targets and shards of kafka-exposer. */
function detailsOf({ setup, shards }: Pick<Case, 'setup' | 'shards'>): string[] {
  return [
    ...(isKafkaExposer(setup) ? [setup === 'massive' ? 'massive target' : 'virtual targets'] : []),
    ...(shards > 1 ? [`${shards} shards`] : []),
  ]
}

const isSent = ({ setup }: Case) => setup === 'remote write'

const nameOf = (testCase: Case) => [variantOf(testCase.setup), ...detailsOf(testCase)].join(', ')

const settingOf = (testCase: Case) =>
  [`${formatCount(testCase.series)} series`, ...detailsOf(testCase)].join(', ')

const formatCount = (series: number): string =>
  series >= 1e6
    ? `${Number((series / 1e6).toPrecision(2))} M`
    : `${Number((series / 1000).toPrecision(2))} k`

const figureValue = (
  figures: readonly Figure[],
  name: string,
  testCase: Case,
): number | undefined => valuesOf(figures, name, variantOf(testCase.setup), settingOf(testCase))[0]

function unmeasured(testCase: Case, note: string): Figure {
  return {
    name: LONGEST,
    variant: variantOf(testCase.setup),
    setting: settingOf(testCase),
    unit: 's',
    values: [],
    note,
  }
}

const isSustained = ({ failed, scraped }: Pick<Measurement, 'failed' | 'scraped'>) =>
  failed <= 5 && scraped >= SUSTAINED_PERCENT

/** @returns the reason instead of a measurement if the samples were never complete */
async function measure(
  lab: Lab,
  cluster: Cluster,
  testCase: Case,
  parameters: Parameters,
): Promise<Measurement | string> {
  const { intervalSeconds, measureSeconds } = parameters
  const { fleet, exposers, prometheus } = await arrange(lab, cluster, testCase, parameters)
  const startMs = Date.now()
  const scraped = `sum(scrape_samples_scraped${targetSelector(testCase.setup)})`
  const timeoutSeconds = 6 * intervalSeconds + 10
  try {
    await lab.waitUntil(
      'at least 90 % of the samples are scraped at once',
      async () => (await prometheus.queryValue(scraped)) >= testCase.series * 0.9,
      timeoutSeconds,
    )
  } catch (error) {
    lab.signal.throwIfAborted()
    const maximum = await prometheus
      .queryValue(`max_over_time(${scraped}[5m:1s])`)
      .catch(() => Number.NaN)
    const { maxLatenessMs } = await fleet.stats()
    const samples = Number.isNaN(maximum) ? 'no samples' : `at most ${formatCount(maximum)} samples`
    const lateness = describeLateness(maxLatenessMs, intervalSeconds)
    return `not sustained: ${samples} scraped at once within ${timeoutSeconds} s${lateness} (${(error as Error).message})`
  }
  await lab.sleep(intervalSeconds)
  const meter = new Meter({ Prometheus: [prometheus], exposers })
  await lab.sleep(measureSeconds)
  const usage = meter.read()
  if (testCase.setup === 'remote write') {
    const scraped = await measureStored(lab, prometheus, testCase, parameters)
    return { firstScrapes: [], laterScrapes: [], failed: 0, scraped, usage }
  }
  const scrapes = await measureScrapes(
    prometheus,
    testCase,
    parameters,
    (Date.now() - startMs) / 1000,
  )
  return { ...scrapes, usage }
}

/** An overloaded load generator is named, so that its delay is not attributed to the setup. */
const describeLateness = (maxLatenessMs: number, intervalSeconds: number) =>
  maxLatenessMs > intervalSeconds * 500
    ? `; the apps collected ${(maxLatenessMs / 1000).toFixed(1)} s late`
    : ''

async function arrange(
  lab: Lab,
  cluster: Cluster,
  { setup, shards, series }: Case,
  parameters: Parameters,
) {
  const { seriesPerApp, intervalSeconds } = parameters
  const interval = `${intervalSeconds}s`
  const scrape = (config: object) =>
    lab.startPrometheus({ global: globalConfig(interval), scrape_configs: [config] })
  const topic = await cluster.createTopic()
  const targets = Math.ceil(series / seriesPerApp)
  const topics = readsSnapshots(setup)
    ? { snapshots: topic }
    : setup === 'direct'
      ? {}
      : { naive: topic }
  const fleetOptions = {
    job: 'lab',
    targets: setup === 'direct' ? targets : 0,
    series: seriesPerApp,
    intervalMs: intervalSeconds * 1000,
    brokers: cluster.brokers,
    topics,
  }
  if (setup === 'direct') {
    const fleet = await lab.startFleet(fleetOptions)
    const exposers: LabProcess[] = []
    return { fleet, exposers, prometheus: await scrape(job.direct(interval, [fleet.process])) }
  }
  if (setup === 'remote write') {
    const prometheus = await lab.startPrometheus({ global: globalConfig(interval) }, RECEIVER_FLAGS)
    const { shards: exposers } = await lab.startRemoteWriters(cluster, topic, [prometheus], {
      shards,
    })
    return { fleet: await startPublishing(lab, fleetOptions, targets), exposers, prometheus }
  }
  if (setup === 'massive' || setup === 'virtual') {
    const group = await lab.startExposerGroup(cluster, topic, { shards })
    const fleet = await startPublishing(lab, fleetOptions, targets)
    await lab.waitUntil(
      'every target is up',
      async () => (await group.countUp()) >= targets,
      3 * intervalSeconds + 20,
    )
    const scrapeConfig =
      setup === 'virtual'
        ? job.virtualTargets(group)
        : job.massive('kafka-exposer', interval, group.shards)
    return { fleet, exposers: group.shards, prometheus: await scrape(scrapeConfig) }
  }
  const naive = await lab.startNaiveExposer(cluster, topic, {
    timestamps: setup === 'naive with timestamps',
  })
  const fleet = await startPublishing(lab, fleetOptions, targets)
  const prometheus = await scrape(job.massive(setup, interval, [naive]))
  return { fleet, exposers: [naive], prometheus }
}

/** Percentage of the samples collected while the usage was measured that Prometheus has stored. */
async function measureStored(
  lab: Lab,
  prometheus: LabPrometheus,
  { setup, series }: Case,
  { intervalSeconds, measureSeconds, seriesPerApp }: Parameters,
): Promise<number> {
  const end = Date.now() / 1000
  await lab.sleep(Math.max(2, intervalSeconds))
  const rounds = Math.floor(measureSeconds / intervalSeconds)
  // Counted from the collection times of the apps: counting every series takes too long.
  const collections = await prometheus.queryValue(
    `sum(count_over_time(${COLLECTED_METRIC}${targetSelector(setup)}[${rounds * intervalSeconds}s]))`,
    end,
  )
  return Math.min(100, (100 * collections * seriesPerApp) / (rounds * series))
}

async function startPublishing(
  lab: Lab,
  options: Fleet['options'],
  targets: number,
): Promise<Fleet> {
  const fleet = await lab.startFleet(options)
  await fleet.growTo(targets)
  await lab.sleep(options.intervalMs / 1000)
  return fleet
}

async function measureScrapes(
  prometheus: LabPrometheus,
  { setup, series }: Case,
  { intervalSeconds, measureSeconds }: Parameters,
  secondsSinceStart: number,
): Promise<Omit<Measurement, 'usage'>> {
  const selector = targetSelector(setup)
  const from = Date.now() / 1000 - measureSeconds
  const durations = await prometheus.querySamples(
    `scrape_duration_seconds${selector}`,
    secondsSinceStart + 5,
  )
  const firstScrapes: number[] = []
  const laterScrapes: number[] = []
  for (const samples of durations.values()) {
    firstScrapes.push(samples[0][1])
    for (const [at, seconds] of samples.slice(1)) if (at >= from) laterScrapes.push(seconds)
  }
  let expected = 0
  let failed = 0
  for (const samples of (await prometheus.querySamples(`up${selector}`, measureSeconds)).values()) {
    for (const [i, [at, up]] of samples.entries()) {
      // A scrape that exceeds the interval suppresses the scrapes that are due meanwhile.
      const skipped = i === 0 ? 0 : Math.round((at - samples[i - 1][0]) / intervalSeconds) - 1
      expected += 1 + skipped
      failed += skipped + (up === 0 ? 1 : 0)
    }
  }
  // Samples of a scrape are stored with its start time. The offset excludes scrapes that are in
  // progress.
  const range = `[${Math.round(measureSeconds)}s] offset ${intervalSeconds}s`
  const scraped = await prometheus.queryValue(
    `sum(sum_over_time(scrape_samples_scraped${selector}${range}))`,
  )
  const rounds = Math.floor(measureSeconds / intervalSeconds)
  return {
    firstScrapes,
    laterScrapes: laterScrapes.length > 0 ? laterScrapes : firstScrapes,
    failed: expected > 0 ? (100 * failed) / expected : 100,
    scraped: Math.min(100, (100 * scraped) / (rounds * series)),
  }
}

function figuresOf(testCase: Case, measurement: Measurement): Figure[] {
  const { firstScrapes, laterScrapes, failed, scraped, usage } = measurement
  const figure = (name: string, value: number, unit: string): Figure => ({
    name,
    variant: variantOf(testCase.setup),
    setting: settingOf(testCase),
    unit,
    values: Number.isNaN(value) ? [] : [value],
    ...(Number.isNaN(value) ? { note: 'no /proc on this system' } : {}),
  })
  const usageOf = (component: keyof Measurement['usage'], name: string) => [
    figure(`${CPU}: ${name}`, 100 * usage[component].cores, '% of a core'),
    figure(`${RSS}: ${name}`, usage[component].rssBytes / 1e6, 'MB'),
  ]
  if (testCase.setup === 'remote write')
    return [
      figure(STORED, scraped, '%'),
      ...usageOf('Prometheus', 'Prometheus'),
      ...usageOf('exposers', 'exposers'),
    ]
  return [
    figure(LONGEST, Math.max(...laterScrapes), 's'),
    figure(TYPICAL, quantile(laterScrapes, 0.5), 's'),
    figure(FIRST, Math.max(...firstScrapes), 's'),
    figure(FAILED, failed, '%'),
    figure(SCRAPED, scraped, '%'),
    ...usageOf('Prometheus', 'Prometheus'),
    ...(testCase.setup === 'direct' ? [] : usageOf('exposers', 'exposers')),
  ]
}

function plotsOf(figures: readonly Figure[], parameters: Parameters): Observations['plots'] {
  const cases = casesOf(parameters)
  const wasSustained = (testCase: Case) =>
    isSustained({
      failed: figureValue(figures, FAILED, testCase) ?? (isSent(testCase) ? 0 : 100),
      scraped: figureValue(figures, isSent(testCase) ? STORED : SCRAPED, testCase) ?? 0,
    })
  const lines = (name: string): Line[] =>
    parameters.setups.map(setup => ({
      variant: variantOf(setup),
      label: detailsOf({ setup, shards: 1 }).join(', '),
      points: cases
        .filter(
          testCase => testCase.setup === setup && testCase.shards === 1 && wasSustained(testCase),
        )
        .flatMap(testCase => {
          const value = figureValue(figures, name, testCase)
          return value === undefined ? [] : [[testCase.series, value] as const]
        }),
    }))
  const plot = (name: string, title: string, caption: string, y: string) => ({
    kind: 'scaling' as const,
    title,
    caption,
    x: 'series',
    y,
    lines: lines(name).filter(({ points }) => points.length > 0),
  })
  return [
    plot(
      LONGEST,
      'Maximum scrape duration by number of series',
      `The interval is ${parameters.intervalSeconds} s. A line ends where less than ${SUSTAINED_PERCENT} % of the samples were scraped.`,
      'seconds',
    ),
    plot(
      `${CPU}: Prometheus`,
      'CPU usage of Prometheus by number of series',
      'A massive target is parsed by one core.',
      '% of a core',
    ),
    plot(
      `${CPU}: exposers`,
      'CPU usage of the exposers by number of series',
      'From the fetch of the record to the last byte of the response.',
      '% of a core',
    ),
  ].filter(({ lines }) => lines.length > 0)
}

function notMeasured({ sizes, shards, setups }: Parameters): string[] {
  return [
    ...(Math.max(...sizes) < 1e6 ? ['1 M series and more: only in the full edition'] : []),
    ...(shards.length < 2 ? ['several shards: only in the full edition'] : []),
    ...(setups.includes('naive with timestamps')
      ? []
      : ['naive with timestamps: only in the full edition']),
    'CPU of the apps: one process stands for all of them and renders without a client library',
  ]
}
