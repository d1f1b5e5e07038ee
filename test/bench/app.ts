import { collectDefaultMetrics, Registry, register } from 'prom-client'
import { createPublisher } from '../../producer/index.js'
import { LoopWatch } from './loop-watch.js'
import { registryOf } from './registry.js'

/**
 * The program of an app for benchmarks, with the default metrics of prom-client and a number of
 * constant series. It executes commands, and responds to each with a report.
 */
export interface AppOptions {
  readonly brokers: string[]
  readonly topic: string
  readonly instance: string
  readonly series: number
  readonly interval: string
  /** The source of the publisher: the registry, or its exposition as text. Default: the registry */
  readonly source?: 'registry' | 'text'
}

/** `collect` and `render` call prom-client as a publisher and as a scrape do. */
export type Command = 'report' | 'publish' | 'watch' | 'unwatch' | 'collect' | 'render' | 'stop'

export interface AppReport {
  /** CPU time of all threads since the start, microseconds. */
  readonly cpu: number
  /** Number of acknowledged snapshots. */
  readonly acknowledged: number
  /** The longest slices between `watch` and `unwatch`, in descending order, ms. */
  readonly slices: readonly number[]
}

const {
  brokers,
  topic,
  instance,
  series,
  interval,
  source = 'registry',
} = JSON.parse(process.argv[2]) as AppOptions
collectDefaultMetrics()
registryOf(series, register)
const loop = new LoopWatch()
// The registry collects all metrics in one turn. That time is excluded from the slices of the
// publisher.
const own = register.getMetricsAsJSON.bind(register)
const registry = Object.assign(Object.create(register), {
  getMetricsAsJSON: () => loop.excluding(own),
})
// As the page of another process, which renders it.
const text = source === 'text' ? await register.metrics() : ''
/** Has the metrics of the publisher. */
const stats = source === 'text' ? new Registry() : register
const publisher = createPublisher({
  register: source === 'text' ? [() => text, stats] : registry,
  brokers,
  topic,
  job: 'bench',
  instance,
  interval,
})

const commands: Record<Command, () => unknown> = {
  report: () => {},
  publish: () => publisher.start(),
  watch: () => loop.start(),
  unwatch: () => loop.stop(),
  collect: () => register.getMetricsAsJSON(),
  render: () => register.metrics(),
  stop: () => publisher.stop(),
}

process.on('message', async (command: Command) => {
  const { user, system } = process.cpuUsage()
  await commands[command]()
  const report: AppReport = {
    cpu: user + system,
    acknowledged: await acknowledged(),
    slices: loop.longest,
  }
  process.send!(report, () => command === 'stop' && process.exit())
})
process.once('disconnect', () => process.exit())
process.send!('ready')

async function acknowledged(): Promise<number> {
  const durations = await stats.getSingleMetric('publisher_send_duration_seconds')?.get()
  const values = (durations?.values ?? []) as { metricName?: string; value: number }[]
  return values.find(({ metricName }) => metricName?.endsWith('_count'))?.value ?? 0
}
