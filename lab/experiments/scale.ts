import type { Experiment } from '../experiment.js'
import type { Cluster } from '../harness/cluster.js'
import type { Fleet, Lab } from '../harness/lab.js'
import { Meter, type Metered } from '../harness/meter.js'
import type { LabProcess } from '../harness/process.js'
import { everyTarget, job, type LabPrometheus } from '../harness/prometheus.js'
import { quantile } from '../stats/quantile.js'
import type { Figure, Line, Observed, Variant } from '../types.js'
import { figureOf } from './figures.js'

/**
 * How large it can get. The same fleet in ever larger sizes, each way by itself, because what is measured is what they need of the machine: as targets of its own for each app,
 * or all of a shard as one.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly intervalSeconds: number
  readonly seriesPerApp: number
  readonly sizes: readonly number[]
  readonly ways: readonly Way[]
  /** Through so many shards of ours at the largest size; through one at all others. */
  readonly shards: readonly number[]
  readonly measureSeconds: number
}

type Way = 'direct' | 'naive' | 'naive with timestamps' | 'massive' | 'virtual'

interface Cell {
  readonly way: Way
  readonly shards: number
  readonly series: number
}

/** What one size of one way came to. */
interface Outcome {
  /** Seconds, of each target's first scrape. */
  readonly first: readonly number[]
  readonly later: readonly number[]
  /** Percent of the scrapes that were due. */
  readonly failed: number
  /** Percent of the samples that were due. */
  readonly came: number
  readonly usage: Record<'Prometheus' | 'the exposers', Metered>
}

const LONGEST = 'longest scrape'
const FIRST = 'first scrape, longest'
const TYPICAL = 'scrape of one target, p50'
const FAILED = 'scrapes that failed'
const CAME = 'samples that came, of those due'
const CPU = 'CPU'
const RSS = 'memory (RSS)'
/** Of the samples that are due, so many must come for a size to stand. */
const ENOUGH_PERCENT = 90

export const scale: Experiment<Parameters> = {
  name: 'scale',
  title: 'Scale: one massive target, or many small ones',
  question: 'How many series can be had through it, and what falls over first?',
  short: {
    intervalSeconds: 2,
    seriesPerApp: 1000,
    sizes: [10_000, 100_000],
    ways: ['direct', 'naive', 'massive', 'virtual'],
    shards: [1],
    measureSeconds: 4,
  },
  full: {
    intervalSeconds: 15,
    seriesPerApp: 1000,
    sizes: [100_000, 1_000_000, 2_000_000],
    ways: ['direct', 'naive', 'naive with timestamps', 'massive', 'virtual'],
    shards: [1, 2, 4],
    measureSeconds: 30,
  },
  reduced: {
    intervalSeconds: 1,
    seriesPerApp: 100,
    sizes: [500, 2000],
    ways: ['direct', 'naive', 'massive', 'virtual'],
    shards: [1],
    measureSeconds: 2,
  },

  estimate: parameters =>
    12 + cellsOf(parameters).length * (6 + 2.5 * parameters.intervalSeconds + parameters.measureSeconds),

  async run(lab, parameters): Promise<Observed> {
    lab.say('starting a Kafka')
    const cluster = await lab.cluster()
    const cells = cellsOf(parameters)
    const figures: Figure[] = []
    const fallen = new Map<Way, number>()
    for (const [i, cell] of cells.entries()) {
      const before = fallen.get(cell.way)
      if (before !== undefined && before < cell.series) {
        figures.push(nothing(cell, `not tried: ${short(before)} series were too many`))
        continue
      }
      lab.say(`${nameOf(cell)}: ${short(cell.series)} series`)
      const outcome = await lab.within(inner => measure(inner, cluster, cell, parameters))
      if (typeof outcome === 'string') figures.push(nothing(cell, outcome))
      else figures.push(...figuresOf(cell, outcome))
      if (typeof outcome === 'string' || !stands(outcome)) fallen.set(cell.way, cell.series)
      lab.share((i + 1) / cells.length)
    }
    return { figures, plots: plotsOf(figures, parameters), notMeasured: notMeasured(parameters) }
  },

  judge({ figures }, parameters) {
    const { sizes, intervalSeconds } = parameters
    const smallest = Math.min(...sizes)
    const largest = (way: Way) => {
      const cells = cellsOf(parameters).filter(cell => cell.way === way && cell.shards === 1)
      return cells.filter(cell => measuredOf(figures, LONGEST, cell) !== undefined).at(-1)
    }
    const massive = largest('massive')
    const virtual = largest('virtual')
    const of = (name: string, way: Way, series: number) =>
      measuredOf(figures, name, { way, series, shards: 1 })
    const small = of(LONGEST, 'massive', smallest)
    const big = massive && of(LONGEST, 'massive', massive.series)
    const perSeries = massive && big !== undefined ? big / massive.series : Number.NaN
    const one = virtual && of(TYPICAL, 'virtual', virtual.series)
    const oneBefore = of(TYPICAL, 'virtual', smallest)
    const most = Math.max(...sizes)
    const failed = of(FAILED, 'virtual', most)
    const came = (way: Way) => of(CAME, way, most)
    return [
      {
        claim: 'The scrape of one massive target gets longer with every series, on one core',
        holds:
          massive && small !== undefined && big !== undefined && massive.series > smallest
            ? big / small > massive.series / smallest / 4
            : null,
        because:
          massive && small !== undefined && big !== undefined
            ? `${small.toFixed(2)} s at ${short(smallest)} series, ${big.toFixed(2)} s at ${short(massive.series)}: at this pace an interval of ${intervalSeconds} s is used up at ${short(intervalSeconds / perSeries)}`
            : 'it was not scraped at any size',
      },
      {
        claim: 'With a virtual target for each app a scrape stays as long as its app is large',
        holds:
          virtual && one !== undefined && oneBefore !== undefined && virtual.series > smallest
            ? one < intervalSeconds / 10
            : null,
        because:
          one !== undefined && oneBefore !== undefined && virtual
            ? `p50 ${(oneBefore * 1000).toFixed(0)} ms at ${short(smallest)} series, ${(one * 1000).toFixed(0)} ms at ${short(virtual.series)}`
            : 'none was scraped',
      },
      {
        claim: 'Through virtual targets every sample comes, up to the largest size',
        holds:
          failed !== undefined && came('virtual') !== undefined
            ? failed === 0 && came('virtual')! >= 99
            : false,
        because: `at ${short(most)} series ${percent(came('virtual'))} of the samples (massive: ${percent(came('massive'))}, naive: ${percent(came('naive'))}, directly: ${percent(came('direct'))})`,
      },
    ]
  },
}

const percent = (value: number | undefined) => (value === undefined ? 'none' : `${value.toFixed(0)} %`)

function cellsOf({ ways, sizes, shards }: Parameters): Cell[] {
  const ordered = [...sizes].sort((a, b) => a - b)
  return ways.flatMap(way =>
    ordered.flatMap(series => {
      const several = (way === 'massive' || way === 'virtual') && series === ordered.at(-1)
      return (several ? shards : [1]).map(count => ({ way, series, shards: count }))
    }),
  )
}

/** Of the targets that Prometheus scrapes: a massive one also shows `up` and `scrape_*` of each app, which have the app's job. */
const targetsOf = (way: Way) => (way === 'direct' || way === 'virtual' ? '{job="lab"}' : '{job!="lab"}')

const variantOf = (way: Way): Variant => (way === 'massive' || way === 'virtual' ? 'ours' : way)

function nameOf({ way, shards }: Pick<Cell, 'way' | 'shards'>): string {
  if (way !== 'massive' && way !== 'virtual') return way
  return `ours, ${way === 'massive' ? 'massive' : 'virtual targets'}${shards > 1 ? `, ${shards} shards` : ''}`
}

/** As a figure's setting; the variant stands beside it. */
function settingOf(cell: Cell): string {
  const [, ...rest] = nameOf(cell).split(', ')
  return [`${short(cell.series)} series`, ...rest].join(', ')
}

const short = (series: number): string =>
  series >= 1e6 ? `${Number((series / 1e6).toPrecision(2))} M` : `${Number((series / 1000).toPrecision(2))} k`

const measuredOf = (figures: readonly Figure[], name: string, cell: Cell): number | undefined =>
  figureOf(figures, name, variantOf(cell.way), settingOf(cell))[0]

function nothing(cell: Cell, note: string): Figure {
  return {
    name: LONGEST,
    variant: variantOf(cell.way),
    setting: settingOf(cell),
    unit: 's',
    values: [],
    note,
  }
}

const stands = ({ failed, came }: Pick<Outcome, 'failed' | 'came'>) => failed <= 5 && came >= ENOUGH_PERCENT

/** @returns why there is nothing to measure, when the samples never came */
async function measure(
  lab: Lab,
  cluster: Cluster,
  cell: Cell,
  parameters: Parameters,
): Promise<Outcome | string> {
  const { intervalSeconds, measureSeconds } = parameters
  const { fleet, exposers, scrape } = await arrange(lab, cluster, cell, parameters)
  const interval = `${intervalSeconds}s`
  const prometheus = await lab.prometheus({
    global: everyTarget(interval),
    scrape_configs: [scrape(interval)],
  })
  const began = Date.now()
  const scraped = `sum(scrape_samples_scraped${targetsOf(cell.way)})`
  const patience = 6 * intervalSeconds + 10
  try {
    await lab.until(
      'every series is there',
      async () => (await prometheus.value(scraped)) >= cell.series * 0.9,
      patience,
    )
  } catch (error) {
    lab.signal.throwIfAborted()
    const most = await prometheus.value(`max_over_time(${scraped}[5m:1s])`).catch(() => Number.NaN)
    const { latestMs } = await fleet.stats()
    return `fell over: in ${patience} s never more than ${Number.isNaN(most) ? 'nothing' : short(most)} at a time${late(latestMs, intervalSeconds)} (${(error as Error).message})`
  }
  await lab.pause(intervalSeconds)
  const meter = new Meter({ Prometheus: [prometheus], 'the exposers': exposers })
  await lab.pause(measureSeconds)
  const usage = meter.read()
  const outcome = await outcomeOf(prometheus, cell, parameters, (Date.now() - began) / 1000)
  return { ...outcome, usage }
}

/** What is slow because the fleet is must not be blamed on what reads it. */
const late = (latestMs: number, intervalSeconds: number) =>
  latestMs > intervalSeconds * 500 ? `; the fleet itself was ${(latestMs / 1000).toFixed(1)} s late` : ''

async function arrange(lab: Lab, cluster: Cluster, { way, shards, series }: Cell, parameters: Parameters) {
  const { seriesPerApp, intervalSeconds } = parameters
  const topic = await cluster.topic()
  const targets = Math.ceil(series / seriesPerApp)
  const topics = variantOf(way) === 'ours' ? { ours: topic } : way === 'direct' ? {} : { naive: topic }
  const fleetOptions = {
    job: 'lab',
    targets: way === 'direct' ? targets : 0,
    series: seriesPerApp,
    intervalMs: intervalSeconds * 1000,
    brokers: cluster.brokers,
    topics,
  }
  if (way === 'direct') {
    const fleet = await lab.fleet(fleetOptions)
    return {
      fleet,
      exposers: [] as LabProcess[],
      scrape: (every: string) => job.direct(every, [fleet.process]),
    }
  }
  if (way === 'massive' || way === 'virtual') {
    const ours = await lab.ours(cluster, topic, { shards })
    const fleet = await startPublishing(lab, fleetOptions, targets)
    await lab.until('every target is up', async () => (await ours.up()) >= targets, 3 * intervalSeconds + 20)
    const scrape = (every: string) =>
      way === 'virtual' ? job.ours(ours) : job.massive('ours', every, ours.shards)
    return { fleet, exposers: ours.shards, scrape }
  }
  const naive = await lab.naive(cluster, topic, { timestamps: way === 'naive with timestamps' })
  const fleet = await startPublishing(lab, fleetOptions, targets)
  return { fleet, exposers: [naive], scrape: (every: string) => job.massive(way, every, [naive]) }
}

async function startPublishing(lab: Lab, options: Fleet['options'], targets: number): Promise<Fleet> {
  const fleet = await lab.fleet(options)
  await fleet.grow(targets)
  await lab.pause(options.intervalMs / 1000)
  return fleet
}

async function outcomeOf(
  prometheus: LabPrometheus,
  { way, series }: Cell,
  { intervalSeconds, measureSeconds }: Parameters,
  sinceSeconds: number,
): Promise<Omit<Outcome, 'usage'>> {
  const from = Date.now() / 1000 - measureSeconds
  const durations = await prometheus.stored(`scrape_duration_seconds${targetsOf(way)}`, sinceSeconds + 5)
  const first: number[] = []
  const later: number[] = []
  for (const samples of durations.values()) {
    first.push(samples[0][1])
    for (const [at, seconds] of samples.slice(1)) if (at >= from) later.push(seconds)
  }
  let due = 0
  let failed = 0
  for (const samples of (await prometheus.stored(`up${targetsOf(way)}`, measureSeconds)).values()) {
    for (const [i, [at, up]] of samples.entries()) {
      // A scrape that takes longer than the interval leaves out the next ones.
      const missed = i === 0 ? 0 : Math.round((at - samples[i - 1][0]) / intervalSeconds) - 1
      due += 1 + missed
      failed += missed + (up === 0 ? 1 : 0)
    }
  }
  // An interval back, because a scrape is stored under the time at which it began: the last one may not have ended.
  const scraped = await prometheus.value(
    `sum(sum_over_time(scrape_samples_scraped${targetsOf(way)}[${Math.round(measureSeconds)}s] offset ${intervalSeconds}s))`,
  )
  const rounds = Math.floor(measureSeconds / intervalSeconds)
  return {
    first,
    later: later.length > 0 ? later : first,
    failed: due > 0 ? (100 * failed) / due : 100,
    came: Math.min(100, (100 * scraped) / (rounds * series)),
  }
}

function figuresOf(cell: Cell, { first, later, failed, came, usage }: Outcome): Figure[] {
  const figure = (name: string, value: number, unit: string): Figure => ({
    name,
    variant: variantOf(cell.way),
    setting: settingOf(cell),
    unit,
    values: Number.isNaN(value) ? [] : [value],
    ...(Number.isNaN(value) ? { note: 'this system does not say' } : {}),
  })
  const { Prometheus: prometheus, 'the exposers': exposers } = usage
  const own =
    cell.way === 'direct'
      ? []
      : [
          figure(`${CPU} of the exposers`, 100 * exposers.cores, '% of a core'),
          figure(`${RSS} of the exposers`, exposers.rssBytes / 1e6, 'MB'),
        ]
  return [
    figure(LONGEST, Math.max(...later), 's'),
    figure(TYPICAL, quantile(later, 0.5), 's'),
    figure(FIRST, Math.max(...first), 's'),
    figure(FAILED, failed, '%'),
    figure(CAME, came, '%'),
    figure(`${CPU} of Prometheus`, 100 * prometheus.cores, '% of a core'),
    figure(`${RSS} of Prometheus`, prometheus.rssBytes / 1e6, 'MB'),
    ...own,
  ]
}

function plotsOf(figures: readonly Figure[], parameters: Parameters): Observed['plots'] {
  const cells = cellsOf(parameters)
  const stood = (cell: Cell) =>
    stands({ failed: measuredOf(figures, FAILED, cell) ?? 100, came: measuredOf(figures, CAME, cell) ?? 0 })
  const lines = (name: string): Line[] =>
    parameters.ways.map(way => ({
      variant: variantOf(way),
      label: nameOf({ way, shards: 1 }).split(', ').slice(1).join(', '),
      points: cells
        .filter(cell => cell.way === way && cell.shards === 1 && stood(cell))
        .flatMap(cell => {
          const value = measuredOf(figures, name, cell)
          return value === undefined ? [] : [[cell.series, value] as const]
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
      'The longest scrape, by the number of series',
      `The interval is ${parameters.intervalSeconds} s. A line that ends before the others has fallen over: fewer than ${ENOUGH_PERCENT} % of the samples came.`,
      'seconds',
    ),
    plot(
      `${CPU} of Prometheus`,
      'CPU of Prometheus, by the number of series',
      'A massive target is one scrape, and one core has to read all of it.',
      '% of a core',
    ),
    plot(
      `${CPU} of the exposers`,
      'CPU of the exposers, by the number of series',
      'From the record in Kafka to the last byte of the answer.',
      '% of a core',
    ),
  ].filter(one => one.lines.length > 0)
}

function notMeasured({ sizes, shards, ways }: Parameters): string[] {
  return [
    ...(Math.max(...sizes) < 1e6 ? ['a million series and more: only in the full edition'] : []),
    ...(shards.length < 2 ? ['several shards: only in the full edition'] : []),
    ...(ways.includes('naive with timestamps') ? [] : ['naive with timestamps: only in the full edition']),
    'the CPU of the apps: they are one process that stands for all of them and renders without a client library',
  ]
}
