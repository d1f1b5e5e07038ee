import { collectDefaultMetrics, register } from 'prom-client'
import { createPublisher } from '../../producer/index.js'
import { LoopWatch } from './loop-watch.js'
import { registryOf } from './registry.js'

/**
 * An app as a process of its own, for benchmarks: prom-client's default metrics and some series that do not change. It does
 * what it is told, and answers each order with a report.
 */
export interface AppOptions {
  readonly brokers: string[]
  readonly topic: string
  readonly instance: string
  readonly series: number
  readonly interval: string
}

/** `collect` and `render` are what prom-client does for a publisher and for a scrape. */
export type Order = 'report' | 'publish' | 'watch' | 'watched' | 'collect' | 'render' | 'stop'

export interface AppReport {
  /** Microseconds of CPU of all threads so far. */
  readonly cpu: number
  /** Snapshots that the brokers have. */
  readonly acknowledged: number
  /** Of the last watch: the longest slices, longest first, ms. */
  readonly slices: readonly number[]
}

const { brokers, topic, instance, series, interval } = JSON.parse(process.argv[2]) as AppOptions
collectDefaultMetrics()
registryOf(series, register)
const loop = new LoopWatch()
// What the registry itself takes, which all of its metrics do in one turn, is not the publisher's.
const own = register.getMetricsAsJSON.bind(register)
const publisher = createPublisher({
  register: Object.assign(Object.create(register), { getMetricsAsJSON: () => loop.excluding(own) }),
  brokers,
  topic,
  job: 'bench',
  instance,
  interval,
})

const orders: Record<Order, () => unknown> = {
  report: () => {},
  publish: () => publisher.start(),
  watch: () => loop.start(),
  watched: () => loop.stop(),
  collect: () => register.getMetricsAsJSON(),
  render: () => register.metrics(),
  stop: () => publisher.stop(),
}

process.on('message', async (order: Order) => {
  const { user, system } = process.cpuUsage()
  await orders[order]()
  const report: AppReport = { cpu: user + system, acknowledged: await acknowledged(), slices: loop.longest }
  process.send!(report, () => order === 'stop' && process.exit())
})
process.once('disconnect', () => process.exit())
process.send!('ready')

async function acknowledged(): Promise<number> {
  const durations = await register.getSingleMetric('publisher_send_duration_seconds')?.get()
  const values = (durations?.values ?? []) as { metricName?: string; value: number }[]
  return values.find(({ metricName }) => metricName?.endsWith('_count'))?.value ?? 0
}
