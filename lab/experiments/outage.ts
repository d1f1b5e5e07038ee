import type { AppStats } from '../app/options.js'
import type { Experiment } from '../experiment.js'
import type { Cluster } from '../harness/cluster.js'
import type { App, Lab } from '../harness/lab.js'
import { everyTarget, job, type LabPrometheus } from '../harness/prometheus.js'
import { median, quantile, trend } from '../stats/quantile.js'
import type { Figure, Line, Mark, Observed, Variant } from '../types.js'
import { figureOf } from './figures.js'

/**
 * What an outage of the queue does to the apps. Three processes with the same metrics, one for each variant, while the broker is killed and restarted, stands
 * still, and is cut off by the network; and what Prometheus has of them afterwards.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly faults: readonly Fault[]
  readonly outageSeconds: number
  readonly restSeconds: number
  readonly intervalSeconds: number
  readonly series: number
  readonly targets: number
  /** Rounds of leader elections in a cluster of three; 0 leaves them out. */
  readonly elections: number
}

type Fault = 'stopped' | 'frozen' | 'cut off'
/** The variants that have an app of their own here: how the exposer stamps does not matter to the app. */
const APPS = ['direct', 'naive', 'ours'] as const
type AppVariant = (typeof APPS)[number]

interface Moment {
  readonly at: number
  readonly stats: AppStats
}

export const outage: Experiment<Parameters> = {
  name: 'outage',
  title: 'Outage: what happens to the apps while the queue is away',
  question: 'When Kafka is away, do the apps pay for it with their memory, and what is lost?',
  short: {
    faults: ['stopped', 'frozen', 'cut off'],
    outageSeconds: 45,
    restSeconds: 12,
    intervalSeconds: 1,
    series: 500,
    targets: 2,
    elections: 0,
  },
  full: {
    faults: ['stopped', 'frozen', 'cut off'],
    outageSeconds: 180,
    restSeconds: 60,
    intervalSeconds: 1,
    series: 500,
    targets: 2,
    elections: 5,
  },
  reduced: {
    faults: ['frozen'],
    outageSeconds: 8,
    restSeconds: 3,
    intervalSeconds: 1,
    series: 100,
    targets: 1,
    elections: 0,
  },

  estimate: ({ faults, outageSeconds, restSeconds, elections }) =>
    30 + faults.length * (outageSeconds + restSeconds + 10) + (elections > 0 ? 30 + elections * 20 : 0),

  async run(lab, parameters): Promise<Observed> {
    const { faults, outageSeconds, restSeconds } = parameters
    const { cluster, apps, prometheus } = await arrange(lab, parameters)
    const moments = new Map<AppVariant, Moment[]>(APPS.map(variant => [variant, []]))
    const marks: Mark[] = []
    const figures: Figure[] = []
    const began = Date.now() / 1000
    const watching = watch(lab, apps, moments, began)
    await lab.pause(restSeconds)
    for (const [i, fault] of faults.entries()) {
      lab.say(`the broker is ${fault}`)
      const before = await settled(apps)
      const from = Date.now() / 1000 - began
      await breakIt(cluster, fault)
      await lab.pause(outageSeconds)
      const during = await settled(apps)
      const mended = Date.now()
      await mend(cluster, fault)
      marks.push({ from, to: Date.now() / 1000 - began, label: `broker ${fault}` })
      lab.say('it is back: waiting until what is collected now can be queried')
      figures.push(...(await recoveries(lab, prometheus, fault, mended, parameters)))
      await lab.pause(restSeconds)
      const after = await settled(apps)
      for (const variant of APPS) {
        figures.push(
          ...memoryFigures(variant, fault, before.get(variant)!, during.get(variant)!, after.get(variant)!),
        )
      }
      lab.share((i + 1) / faults.length)
    }
    await watching.stop()
    for (const variant of APPS) figures.push(...loopFigures(variant, moments.get(variant)!))
    figures.push(...trendFigures(moments, marks))
    if (parameters.elections > 0) figures.push(...(await elections(lab, parameters)))
    return {
      figures,
      plots: plotsOf(moments, marks),
      notMeasured:
        parameters.elections > 0
          ? []
          : ['leader elections in a cluster of three brokers: only in the full edition'],
    }
  },

  judge({ figures }) {
    const worst = (name: string, variant: Variant) => Math.max(...figureOf(figures, name, variant))
    const naiveBuffer = worst('buffered at the end of the outage', 'naive')
    const ourBuffer = worst('buffered at the end of the outage', 'ours')
    const slope = worst('growth of what waits to be sent, during outages', 'naive')
    const ours = worst('held memory more at the end of the outage', 'ours')
    const naive = worst('held memory more at the end of the outage', 'naive')
    const recovery = worst('until new samples can be queried again', 'ours')
    const known = (...values: number[]) => values.every(value => Number.isFinite(value))
    const mb = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)} MB`
    return [
      {
        claim: 'With an unbounded send buffer apps grow for as long as the queue is away',
        holds: known(naiveBuffer, slope) ? slope > 0.05 && naiveBuffer > 5 * ourBuffer : null,
        because: `${mb(naiveBuffer)} wait at the end of an outage, and each minute brings ${mb(slope)} more`,
      },
      {
        claim: 'Our publisher takes no more than 5 MB of memory through any outage',
        holds: known(ours) ? ours <= 5 : null,
        because: `${mb(ours)} more at the end of the worst outage (naive: ${mb(naive)}); ${mb(ourBuffer)} wait to be sent`,
      },
      {
        claim: 'After an outage ours is back with what is collected now, without sending the past first',
        holds: known(recovery) ? recovery <= 30 : null,
        because: `at most ${recovery.toFixed(1)} s until new samples can be queried (naive: ${worst('until new samples can be queried again', 'naive').toFixed(1)} s)`,
      },
    ]
  },
}

async function arrange(lab: Lab, { series, targets, intervalSeconds }: Parameters) {
  lab.say('starting a Kafka behind a wire that can be cut, exposers and apps')
  const cluster = await lab.cluster({ proxied: true })
  const topics = { ours: await cluster.topic(), naive: await cluster.topic() }
  const entries = await Promise.all(
    APPS.map(async variant => {
      const app = await lab.app(variant, {
        job: 'lab',
        instance: variant,
        targets,
        series,
        intervalMs: intervalSeconds * 1000,
        counter: 'constant',
        began: Date.now(),
        brokers: cluster.brokers,
        topics: variant === 'direct' ? {} : { [variant]: topics[variant] },
        way: { kind: 'none', seconds: 0 },
        seed: lab.seed,
      })
      return [variant, app] as const
    }),
  )
  const apps = new Map<AppVariant, App>(entries)
  const ours = await lab.ours(cluster, topics.ours)
  const naive = await lab.naive(cluster, topics.naive)
  const interval = `${intervalSeconds}s`
  const prometheus = await lab.prometheus({
    global: everyTarget(interval),
    scrape_configs: [
      job.direct(interval, [apps.get('direct')!.process]),
      job.massive('naive', interval, [naive]),
      job.ours(ours),
    ],
  })
  await lab.until(
    'every app is seen',
    async () => (await prometheus.query('count by (variant) (lab_work_total)')).length === APPS.length,
  )
  return { cluster, apps, prometheus }
}

async function breakIt(cluster: Cluster, fault: Fault): Promise<void> {
  if (fault === 'stopped') await cluster.kafka.kill()
  else if (fault === 'frozen') cluster.kafka.pause()
  else cluster.wire!.cut()
}

async function mend(cluster: Cluster, fault: Fault): Promise<void> {
  if (fault === 'stopped') await cluster.kafka.restart()
  else if (fault === 'frozen') cluster.kafka.resume()
  else cluster.wire!.restore()
}

/** What each app says of itself, its garbage collected. */
async function settled(apps: ReadonlyMap<AppVariant, App>): Promise<Map<AppVariant, AppStats>> {
  const entries = [...apps].map(
    async ([variant, app]) => [variant, await app.stats({ collectGarbage: true })] as const,
  )
  return new Map(await Promise.all(entries))
}

function watch(
  lab: Lab,
  apps: ReadonlyMap<AppVariant, App>,
  moments: ReadonlyMap<AppVariant, Moment[]>,
  began: number,
) {
  let going = true
  const ended = (async () => {
    while (going && !lab.signal.aborted) {
      for (const [variant, app] of apps) {
        const stats = await app.stats().catch(() => undefined)
        if (stats) moments.get(variant)!.push({ at: Date.now() / 1000 - began, stats })
      }
      await new Promise(resolve => setTimeout(resolve, 500))
    }
  })()
  const stop = () => {
    going = false
    return ended
  }
  lab.defer(stop)
  return { stop }
}

const MB = 1e6

function memoryFigures(
  variant: AppVariant,
  setting: string,
  before: AppStats,
  during: AppStats,
  after: AppStats,
): Figure[] {
  const figure = (name: string, unit: string, value: number): Figure => ({
    name,
    variant,
    setting: `broker ${setting}`,
    unit,
    values: [value],
  })
  return [
    figure('held memory more at the end of the outage', 'MB', (during.heldBytes - before.heldBytes) / MB),
    figure('buffered at the end of the outage', 'MB', during.bufferedBytes / MB),
    figure('resident memory more at the end of the outage', 'MB', (during.rssBytes - before.rssBytes) / MB),
    figure('snapshots replaced unsent', 'snapshots', after.superseded - before.superseded),
    figure('snapshots collected', 'snapshots', after.collected - before.collected),
  ]
}

function loopFigures(variant: AppVariant, moments: readonly Moment[]): Figure[] {
  const delays = moments.map(({ stats }) => stats.loopDelayMaxMs)
  return [
    {
      name: "delay of the app's event loop, p99 of seconds",
      variant,
      setting: '',
      unit: 'ms',
      values: [quantile(delays, 0.99)],
    },
    {
      name: "delay of the app's event loop, max",
      variant,
      setting: '',
      unit: 'ms',
      values: [Math.max(...delays)],
    },
  ]
}

/** By how much what waits grows within the outages. */
function trendFigures(moments: ReadonlyMap<AppVariant, readonly Moment[]>, marks: readonly Mark[]): Figure[] {
  return APPS.map(variant => {
    const slopes = marks.map(({ from, to }) => {
      const within = moments.get(variant)!.filter(({ at }) => at >= from && at <= to!)
      return (60 * trend(within.map(({ at, stats }) => [at, stats.bufferedBytes] as const))) / MB
    })
    const values = [median(slopes)].filter(value => !Number.isNaN(value))
    return {
      name: 'growth of what waits to be sent, during outages',
      variant,
      setting: '',
      unit: 'MB a minute',
      values,
    }
  })
}

/** From the end of a fault until Prometheus has a sample that was collected after it. */
async function recoveries(
  lab: Lab,
  prometheus: LabPrometheus,
  fault: Fault,
  mended: number,
  { outageSeconds }: Parameters,
): Promise<Figure[]> {
  const found = new Map<Variant, number>()
  const limit = Date.now() + (60 + outageSeconds) * 1000
  while (found.size < APPS.length && Date.now() < limit) {
    const fresh = await prometheus.query(
      `min by (variant) (lab_collected_timestamp_seconds) > ${mended / 1000}`,
    )
    for (const { metric } of fresh) {
      const variant = metric.variant as Variant
      if (!found.has(variant)) found.set(variant, (Date.now() - mended) / 1000)
    }
    await lab.pause(0.2)
  }
  return APPS.map(variant => {
    const seconds = found.get(variant)
    return {
      name: 'until new samples can be queried again',
      variant,
      setting: `broker ${fault}`,
      unit: 's',
      values: seconds === undefined ? [] : [seconds],
      ...(seconds === undefined ? { note: 'not before the experiment gave up' } : {}),
    }
  })
}

/** The longest time without an acknowledgement while leaders of a cluster of three change. */
async function elections(lab: Lab, { elections: rounds, series }: Parameters): Promise<Figure[]> {
  lab.say('starting a cluster of three brokers')
  const cluster = await lab.cluster({ brokers: 3, own: true })
  const topic = await cluster.topic(3)
  const app = await lab.app('election', {
    job: 'lab',
    instance: 'election',
    targets: 3,
    series,
    intervalMs: 1000,
    counter: 'constant',
    began: Date.now(),
    brokers: cluster.brokers,
    topics: { ours: topic },
    way: { kind: 'none', seconds: 0 },
    seed: lab.seed,
  })
  const silences: number[] = []
  for (let round = 0; round < rounds; round++) {
    lab.say(`broker ${(round % 3) + 1} of 3 is killed (${round + 1} of ${rounds})`)
    await lab.pause(5)
    const node = cluster.kafka.nodes[round % 3]
    await node.kill()
    let longest = 0
    for (const end = Date.now() + 15_000; Date.now() < end; ) {
      const text = await app.process.get('/metrics?target=0')
      const lastAck = Number(/^publisher_last_ack_timestamp_seconds(?:\{.*\})? (\S+)$/m.exec(text)?.[1])
      longest = Math.max(longest, Date.now() / 1000 - lastAck)
      await lab.pause(0.1)
    }
    silences.push(longest)
    await node.restart()
  }
  return [
    {
      name: 'longest time without an acknowledgement, per election',
      variant: 'ours',
      setting: '',
      unit: 's',
      values: silences,
    },
  ]
}

function plotsOf(
  moments: ReadonlyMap<AppVariant, readonly Moment[]>,
  marks: readonly Mark[],
): Observed['plots'] {
  const lines = (of: (stats: AppStats) => number): Line[] =>
    APPS.map(variant => ({
      variant,
      label: '',
      points: moments.get(variant)!.map(({ at, stats }) => [at, of(stats)] as const),
    }))
  const common = { kind: 'time' as const, x: 'seconds', marks }
  return [
    {
      ...common,
      title: 'What waits in the app to be sent',
      caption: 'The naive queue grows for as long as nobody takes it; ours holds two snapshots at most.',
      y: 'MB',
      lines: lines(stats => stats.bufferedBytes / MB).filter(({ variant }) => variant !== 'direct'),
    },
    {
      ...common,
      title: 'Resident memory of the apps',
      caption: 'Three processes with the same metrics.',
      y: 'MB',
      lines: lines(stats => stats.rssBytes / MB),
    },
    {
      ...common,
      title: "Delay of the apps' event loops",
      caption: 'The longest in each half second: what the app itself feels.',
      y: 'ms',
      logY: true,
      lines: lines(stats => stats.loopDelayMaxMs),
    },
  ]
}
