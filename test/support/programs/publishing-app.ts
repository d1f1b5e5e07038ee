import cluster from 'node:cluster'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client'
import {
  answerClusterSource,
  clusterSource,
  createPublisher,
  type MetricSource,
} from '../../../producer/index.js'

/**
 * An app that publishes, in its own process.
 *
 *   publishing-app.js '{"mode":"idle","brokers":["127.0.0.1:9092"],"topic":"t"}'
 *
 * Modes: `idle` publishes and does nothing else. `job` increments a counter, stops its publisher
 * and exits. `busy` has many series and answers requests for reports until it is stopped. `cluster`
 * is a primary that publishes for two workers. `cluster-source` is one that publishes for four: a
 * metric of the second fails, one of the third hangs, and the fourth answers garbage after its
 * first answer. `workers` has three workers that publish with the default identity, or with the
 * instance that is given; their warnings are sent to the parent.
 */
export interface AppOptions {
  readonly mode: 'idle' | 'job' | 'busy' | 'cluster' | 'cluster-source' | 'workers'
  readonly brokers: readonly string[]
  readonly topic: string
  readonly series?: number
  readonly instance?: string
}

/** The response of `busy` to the message `report`. */
export interface AppReport {
  /** The metrics of its publisher by name. */
  readonly metrics: Readonly<Record<string, number>>
  /** Bytes of heap and external memory after a full garbage collection. */
  readonly memory: number
  /** Runs of a 10 ms timer since the last report. */
  readonly turns: number
}

const {
  mode,
  brokers,
  topic,
  series = 10,
  instance,
} = JSON.parse(process.argv[2] ?? '{}') as AppOptions
const register = new Registry()
const quiet = () => {}
const logger = { debug: quiet, info: quiet, warn: quiet, error: quiet }
const publisherOf = (source: MetricSource) =>
  createPublisher({
    register: source,
    brokers,
    topic,
    job: 'app',
    instance: mode,
    interval: '1s',
    logger,
  })

if (mode === 'cluster') await runCluster()
else if (mode === 'workers') await runWorkers()
else if (mode === 'cluster-source') await runClusterSource()
else if (mode === 'busy') await runBusy()
else {
  const jobs = new Counter({ name: 'jobs_total', help: 'Jobs done.', registers: [register] })
  const publisher = publisherOf(register)
  await publisher.start()
  if (mode === 'job') {
    jobs.inc(3)
    await publisher.stop(60_000)
  } else {
    // Wait until the publisher has connected or failed. After that, nothing but the publisher is
    // left.
    for (;;) {
      const own = await ownMetrics()
      if (own.publisher_last_ack_timestamp_seconds > 0 || own.publisher_send_errors_total > 0) break
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

async function runCluster(): Promise<void> {
  if (cluster.isWorker) {
    new AggregatorRegistry()
    AggregatorRegistry.setRegistries(register)
    new Counter({
      name: 'requests_total',
      help: 'Requests.',
      labelNames: ['path'],
      registers: [register],
    }).inc({ path: '/a "b"' }, 21)
    cluster.worker!.send('ready')
    return
  }
  const aggregator = new AggregatorRegistry()
  process.once('disconnect', () => process.exit())
  const ready = [cluster.fork(), cluster.fork()].map(
    worker =>
      new Promise<void>(resolve =>
        worker.on('message', message => message === 'ready' && resolve()),
      ),
  )
  await Promise.all(ready)
  const publisher = publisherOf(() => aggregator.clusterMetrics())
  await publisher.start()
  process.once('message', async () => {
    await publisher.stop(60_000)
    process.exit()
  })
}

async function runWorkers(): Promise<void> {
  if (cluster.isPrimary) {
    process.once('disconnect', () => process.exit())
    for (let i = 0; i < 3; i++)
      cluster.fork().on('message', message => process.connected && process.send!(message))
    return
  }
  const warn = (message: string) => void process.send!(message)
  const publisher = createPublisher({
    register,
    brokers,
    topic,
    job: 'app',
    instance,
    interval: '1s',
    logger: { ...logger, warn },
  })
  await publisher.start()
  setInterval(quiet, 60_000)
}

async function runClusterSource(): Promise<void> {
  if (cluster.isPrimary) {
    process.once('disconnect', () => process.exit())
    for (let i = 0; i < 4; i++) cluster.fork()
    const warn = (message: string) => void process.send!(message)
    const publisher = createPublisher({
      register: clusterSource(),
      brokers,
      topic,
      job: 'app',
      instance: mode,
      interval: '1s',
      logger: { ...logger, warn },
    })
    await publisher.start()
    return
  }
  const { id } = cluster.worker!
  new Counter({ name: 'requests_total', help: 'Requests.', registers: [register] }).inc(10 ** id)
  const collects: Record<number, () => unknown> = {
    2: () => {
      throw new Error('the pool is gone')
    },
    3: () => new Promise<never>(() => {}),
  }
  const collect = collects[id] as () => void
  new Gauge({ name: 'pool_size', help: 'Pool.', registers: [register], collect }).set(id)
  const stop = answerClusterSource(register)
  if (id !== 4) return
  let answered = false
  process.on('message', (message: { id: number }) => {
    if (answered) process.send!({ type: 'kafka-exposer:collected', id: message.id, metrics: 'x' })
    else setTimeout(stop, 500)
    answered = true
  })
}

async function runBusy(): Promise<void> {
  const work = new Counter({
    name: 'work_total',
    help: 'Work.',
    labelNames: ['kind', 'place'],
    registers: [register],
  })
  const step = () => {
    for (let i = 0; i < series; i++)
      work.inc({ kind: `kind-${i}`, place: `place-${i % 7}` }, 1 + (i % 3) / 7)
  }
  step()
  const publisher = publisherOf(register)
  await publisher.start()
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  let turns = 0
  setInterval(() => turns++, 10)
  setInterval(step, 500)
  process.once('disconnect', () => process.exit())
  process.on('message', async (order: 'report' | 'stop') => {
    if (order === 'stop') {
      await publisher.stop(60_000)
      process.exit()
    }
    const turned = turns
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    const report: AppReport = {
      metrics: await ownMetrics(),
      memory: heapUsed + external,
      turns: turned,
    }
    turns = 0
    process.send!(report)
  })
  process.send!('ready')
}

async function ownMetrics(): Promise<Record<string, number>> {
  const metrics = (await register.getMetricsAsJSON()) as unknown as {
    name: string
    values: { value: number; metricName?: string; labels: { le?: unknown } }[]
  }[]
  return Object.fromEntries(
    metrics
      .filter(({ name }) => name.startsWith('publisher_'))
      .flatMap(({ name, values }) =>
        values
          .filter(({ labels }) => labels.le === undefined)
          .map(v => [v.metricName ?? name, v.value]),
      ),
  )
}
