import type { AppStats } from '../app/options.js'
import type { Experiment } from '../experiment.js'
import { isKnown, valuesOf } from '../figures.js'
import type { App } from '../harness/app.js'
import type { Cluster } from '../harness/cluster.js'
import type { Lab } from '../harness/lab.js'
import { globalConfig, job, type LabPrometheus } from '../harness/prometheus.js'
import { median, quantile, trend } from '../stats/quantile.js'
import type { Figure, Line, Mark, Observations, Variant } from '../types.js'

/**
 * The effect of a Kafka outage on the apps. One app process per variant, all with the same metrics,
 * while the broker is killed and restarted, paused, and made unreachable. Measured are the memory
 * and the event loop of the apps, and the recovery as seen from Prometheus.
 */
interface Parameters {
  readonly [name: string]: number | string | readonly number[] | readonly string[]
  readonly faults: readonly Fault[]
  readonly outageSeconds: number
  /** Time between two outages. */
  readonly restSeconds: number
  readonly intervalSeconds: number
  readonly series: number
  readonly targets: number
  /** Number of leader elections in a cluster of three brokers; 0 to omit them. */
  readonly elections: number
}

/** killed: SIGKILL, then a restart. paused: SIGSTOP. unreachable: the network drops all packets. */
type Fault = 'killed' | 'paused' | 'unreachable'
/** Variants with an app of their own. The two naive variants differ in the exposer only. */
const APP_VARIANTS = ['direct', 'naive', 'kafka-exposer'] as const
type AppVariant = (typeof APP_VARIANTS)[number]

interface TimedStats {
  /** Seconds since the start of the measurement. */
  readonly at: number
  readonly stats: AppStats
}

type StatsByVariant = ReadonlyMap<AppVariant, AppStats>
type HistoryByVariant = ReadonlyMap<AppVariant, readonly TimedStats[]>

const BUFFERED = 'send buffer at the end of the outage'
const HEAP = 'heap growth at the end of the outage'
const RSS = 'resident memory growth at the end of the outage'
const GROWTH = 'growth rate of the send buffer during outages'
const RECOVERY = 'time until new samples are queryable'

export const outage: Experiment<Parameters> = {
  name: 'outage',
  title: 'Outage: effect of a Kafka outage on the apps',
  question: 'During a Kafka outage, how much memory do the apps use, and which samples are lost?',
  short: {
    faults: ['killed', 'paused', 'unreachable'],
    outageSeconds: 45,
    restSeconds: 12,
    intervalSeconds: 1,
    series: 500,
    targets: 2,
    elections: 0,
  },
  full: {
    faults: ['killed', 'paused', 'unreachable'],
    outageSeconds: 180,
    restSeconds: 60,
    intervalSeconds: 1,
    series: 500,
    targets: 2,
    elections: 5,
  },
  reduced: {
    faults: ['paused'],
    outageSeconds: 8,
    restSeconds: 3,
    intervalSeconds: 1,
    series: 100,
    targets: 1,
    elections: 0,
  },

  estimate: ({ faults, outageSeconds, restSeconds, elections }) =>
    30 +
    faults.length * (outageSeconds + restSeconds + 10) +
    (elections > 0 ? 30 + elections * 20 : 0),

  async run(lab, parameters): Promise<Observations> {
    const { faults, outageSeconds, restSeconds } = parameters
    const { cluster, apps, prometheus } = await arrange(lab, parameters)
    const start = Date.now() / 1000
    const recorder = recordStats(lab, apps, start)
    const marks: Mark[] = []
    const figures: Figure[] = []
    await lab.sleep(restSeconds)
    for (const [i, fault] of faults.entries()) {
      lab.reportStep(`broker ${fault}`)
      const before = await statsAfterGc(apps)
      const from = Date.now() / 1000 - start
      await injectFault(cluster, fault)
      await lab.sleep(outageSeconds)
      const during = await statsAfterGc(apps)
      const repairedAt = Date.now()
      await repairFault(cluster, fault)
      marks.push({ from, to: Date.now() / 1000 - start, label: `broker ${fault}` })
      lab.reportStep('broker available again, waiting until new samples are queryable')
      figures.push(...(await measureRecovery(lab, prometheus, fault, repairedAt, parameters)))
      await lab.sleep(restSeconds)
      const after = await statsAfterGc(apps)
      figures.push(...memoryFigures(fault, before, during, after))
      lab.reportCompletion((i + 1) / faults.length)
    }
    const history = await recorder.stop()
    for (const variant of APP_VARIANTS) figures.push(...loopFigures(variant, history.get(variant)!))
    figures.push(...growthFigures(history, marks))
    if (parameters.elections > 0) figures.push(...(await measureElections(lab, parameters)))
    return {
      figures,
      plots: plotsOf(history, marks),
      notMeasured:
        parameters.elections > 0
          ? []
          : ['leader elections in a cluster of three brokers: only in the full edition'],
    }
  },

  judge({ figures }) {
    const maximum = (name: string, variant: Variant) =>
      Math.max(...valuesOf(figures, name, variant))
    const naiveBuffer = maximum(BUFFERED, 'naive')
    const exposerBuffer = maximum(BUFFERED, 'kafka-exposer')
    const growth = maximum(GROWTH, 'naive')
    const heap = maximum(HEAP, 'kafka-exposer')
    const recovery = maximum(RECOVERY, 'kafka-exposer')
    const megabytes = (value: number) => `${value.toFixed(value < 10 ? 2 : 1)} MB`
    const seconds = (value: number) => `${value.toFixed(1)} s`
    return [
      {
        claim: 'With an unbounded send buffer the memory of the apps grows for the whole outage',
        holds: isKnown(naiveBuffer, growth)
          ? growth > 0.05 && naiveBuffer > 5 * exposerBuffer
          : null,
        because: `${megabytes(naiveBuffer)} are buffered at the end of an outage, growing by ${megabytes(growth)} per minute`,
      },
      {
        claim: 'The kafka-exposer publisher uses at most 5 MB of additional memory in any outage',
        holds: isKnown(heap) ? heap <= 5 : null,
        because: `at most ${megabytes(heap)} of heap growth at the end of an outage (naive: ${megabytes(maximum(HEAP, 'naive'))}); ${megabytes(exposerBuffer)} are buffered`,
      },
      {
        claim:
          'After an outage new samples are queryable with kafka-exposer without a backlog being sent first',
        holds: isKnown(recovery) ? recovery <= 30 : null,
        because: `at most ${seconds(recovery)} with kafka-exposer (naive: ${seconds(maximum(RECOVERY, 'naive'))})`,
      },
    ]
  },
}

async function arrange(lab: Lab, { series, targets, intervalSeconds }: Parameters) {
  lab.reportStep('starting Kafka behind a fault proxy, the exposers and the apps')
  const cluster = await lab.startCluster({ proxied: true })
  const topics = { snapshots: await cluster.createTopic(), naive: await cluster.createTopic() }
  const topicsOf = (variant: AppVariant) =>
    variant === 'direct'
      ? {}
      : variant === 'naive'
        ? { naive: topics.naive }
        : { snapshots: topics.snapshots }
  const entries = await Promise.all(
    APP_VARIANTS.map(async variant => {
      const app = await lab.startApp(variant, {
        job: 'lab',
        instance: variant,
        targets,
        series,
        intervalMs: intervalSeconds * 1000,
        counter: 'constant',
        startMs: Date.now(),
        brokers: cluster.brokers,
        topics: topicsOf(variant),
        delay: { kind: 'none', seconds: 0 },
        seed: lab.seed,
      })
      return [variant, app] as const
    }),
  )
  const apps = new Map<AppVariant, App>(entries)
  const group = await lab.startExposerGroup(cluster, topics.snapshots)
  const naive = await lab.startNaiveExposer(cluster, topics.naive)
  const interval = `${intervalSeconds}s`
  const prometheus = await lab.startPrometheus({
    global: globalConfig(interval),
    scrape_configs: [
      job.direct(interval, [apps.get('direct')!.process]),
      job.massive('naive', interval, [naive]),
      job.virtualTargets(group),
    ],
  })
  await lab.waitUntil(
    'every variant has samples',
    async () =>
      (await prometheus.query('count by (variant) (lab_work_total)')).length ===
      APP_VARIANTS.length,
  )
  return { cluster, apps, prometheus }
}

async function injectFault({ kafka, proxy }: Cluster, fault: Fault): Promise<void> {
  switch (fault) {
    case 'killed':
      return kafka.kill()
    case 'paused':
      return kafka.pause()
    case 'unreachable':
      return proxy!.block()
    default:
      throw new Error(`unknown fault ${JSON.stringify(fault)}: use killed, paused or unreachable`)
  }
}

async function repairFault({ kafka, proxy }: Cluster, fault: Fault): Promise<void> {
  if (fault === 'killed') await kafka.restart()
  else if (fault === 'paused') kafka.resume()
  else proxy!.restore()
}

async function statsAfterGc(apps: ReadonlyMap<AppVariant, App>): Promise<StatsByVariant> {
  const entries = [...apps].map(
    async ([variant, app]) => [variant, await app.stats({ collectGarbage: true })] as const,
  )
  return new Map(await Promise.all(entries))
}

/** Records the statistics of all apps twice per second until `stop`. */
function recordStats(lab: Lab, apps: ReadonlyMap<AppVariant, App>, start: number) {
  const history = new Map<AppVariant, TimedStats[]>(APP_VARIANTS.map(variant => [variant, []]))
  let isRecording = true
  const recording = (async () => {
    while (isRecording && !lab.signal.aborted) {
      for (const [variant, app] of apps) {
        const stats = await app.stats().catch(() => undefined)
        if (stats) history.get(variant)!.push({ at: Date.now() / 1000 - start, stats })
      }
      await new Promise(resolve => setTimeout(resolve, 500))
    }
  })()
  const stop = async (): Promise<HistoryByVariant> => {
    isRecording = false
    await recording
    return history
  }
  lab.defer(async () => void (await stop()))
  return { stop }
}

const MB = 1e6

function memoryFigures(
  fault: Fault,
  before: StatsByVariant,
  during: StatsByVariant,
  after: StatsByVariant,
): Figure[] {
  return APP_VARIANTS.flatMap(variant => {
    const [start, end, rest] = [before.get(variant)!, during.get(variant)!, after.get(variant)!]
    const figure = (name: string, unit: string, value: number): Figure => ({
      name,
      variant,
      setting: `broker ${fault}`,
      unit,
      values: [value],
    })
    return [
      figure(HEAP, 'MB', (end.heapBytes - start.heapBytes) / MB),
      figure(BUFFERED, 'MB', end.bufferedBytes / MB),
      figure(RSS, 'MB', (end.rssBytes - start.rssBytes) / MB),
      figure('superseded snapshots', 'snapshots', rest.superseded - start.superseded),
      figure('collected snapshots', 'snapshots', rest.collected - start.collected),
    ]
  })
}

function loopFigures(variant: AppVariant, history: readonly TimedStats[]): Figure[] {
  const delays = history.map(({ stats }) => stats.loopDelayMaxMs)
  const figure = (statistic: string, value: number): Figure => ({
    name: `event loop delay of the app, ${statistic}`,
    variant,
    setting: '',
    unit: 'ms',
    values: [value],
  })
  return [
    figure('p99 of half-second maxima', quantile(delays, 0.99)),
    figure('max', Math.max(...delays)),
  ]
}

/** Median growth rate of the send buffer over the outages. */
function growthFigures(history: HistoryByVariant, marks: readonly Mark[]): Figure[] {
  return APP_VARIANTS.map(variant => {
    const bytesPerSecond = marks.map(({ from, to }) => {
      const during = history.get(variant)!.filter(({ at }) => at >= from && at <= to!)
      return trend(during.map(({ at, stats }) => [at, stats.bufferedBytes] as const))
    })
    const value = (60 * median(bytesPerSecond)) / MB
    return {
      name: GROWTH,
      variant,
      setting: '',
      unit: 'MB/min',
      values: Number.isNaN(value) ? [] : [value],
    }
  })
}

/**
 * Time from the end of a fault until Prometheus has a sample of every target that was collected
 * after it.
 */
async function measureRecovery(
  lab: Lab,
  prometheus: LabPrometheus,
  fault: Fault,
  repairedAt: number,
  { outageSeconds }: Parameters,
): Promise<Figure[]> {
  const recovered = new Map<Variant, number>()
  const timeoutSeconds = 60 + outageSeconds
  const deadline = Date.now() + timeoutSeconds * 1000
  const fresh = `min by (variant) (lab_collected_timestamp_seconds) > ${repairedAt / 1000}`
  while (recovered.size < APP_VARIANTS.length && Date.now() < deadline) {
    for (const { metric } of await prometheus.query(fresh)) {
      const variant = metric.variant as Variant
      if (!recovered.has(variant)) recovered.set(variant, (Date.now() - repairedAt) / 1000)
    }
    await lab.sleep(0.2)
  }
  return APP_VARIANTS.map(variant => {
    const seconds = recovered.get(variant)
    return {
      name: RECOVERY,
      variant,
      setting: `broker ${fault}`,
      unit: 's',
      values: seconds === undefined ? [] : [seconds],
      ...(seconds === undefined ? { note: `not within ${timeoutSeconds} s` } : {}),
    }
  })
}

/**
 * The longest time without an acknowledgement during each leader election of a cluster of three
 * brokers.
 */
async function measureElections(lab: Lab, { elections, series }: Parameters): Promise<Figure[]> {
  lab.reportStep('starting a cluster of three brokers')
  const cluster = await lab.startCluster({ brokers: 3, own: true })
  const topic = await cluster.createTopic(3)
  const app = await lab.startApp('election', {
    job: 'lab',
    instance: 'election',
    targets: 3,
    series,
    intervalMs: 1000,
    counter: 'constant',
    startMs: Date.now(),
    brokers: cluster.brokers,
    topics: { snapshots: topic },
    delay: { kind: 'none', seconds: 0 },
    seed: lab.seed,
  })
  const longestGaps: number[] = []
  for (let round = 0; round < elections; round++) {
    lab.reportStep(`killing broker ${(round % 3) + 1} of 3 (${round + 1} of ${elections})`)
    await lab.sleep(5)
    const node = cluster.kafka.nodes[round % 3]
    await node.kill()
    let longestGap = 0
    for (const end = Date.now() + 15_000; Date.now() < end; ) {
      const text = await app.process.get('/metrics?target=0')
      const lastAck = Number(
        /^publisher_last_ack_timestamp_seconds(?:\{.*\})? (\S+)$/m.exec(text)?.[1],
      )
      longestGap = Math.max(longestGap, Date.now() / 1000 - lastAck)
      await lab.sleep(0.1)
    }
    longestGaps.push(longestGap)
    await node.restart()
  }
  return [
    {
      name: 'longest time without an acknowledgement, per leader election',
      variant: 'kafka-exposer',
      setting: '',
      unit: 's',
      values: longestGaps,
    },
  ]
}

function plotsOf(history: HistoryByVariant, marks: readonly Mark[]): Observations['plots'] {
  const lines = (select: (stats: AppStats) => number): Line[] =>
    APP_VARIANTS.map(variant => ({
      variant,
      label: '',
      points: history.get(variant)!.map(({ at, stats }) => [at, select(stats)] as const),
    }))
  const common = { kind: 'time' as const, x: 'seconds', marks }
  return [
    {
      ...common,
      title: 'Send buffer of the apps',
      caption:
        'The naive queue grows until the end of the outage. The kafka-exposer publisher holds at most two snapshots.',
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
      title: 'Event loop delay of the apps',
      caption: 'The maximum of each half second.',
      y: 'ms',
      logY: true,
      lines: lines(stats => stats.loopDelayMaxMs),
    },
  ]
}
