import { createPublisher } from '../../producer/index.js'
import { NaivePublisher } from '../naive/publisher.js'
import { drawDelay, randomOf } from '../random.js'
import { DelayedPublisher } from './delayed-publisher.js'
import type { AppOptions } from './options.js'
import type { LabTarget } from './target.js'

export interface PublisherCounts {
  readonly collected: number
  readonly superseded: number
  readonly sendErrors: number
  readonly bufferedBytes: number
}

export interface RunningPublisher {
  counts(): Promise<PublisherCounts> | PublisherCounts
  stop(): Promise<void>
}

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} }

/** Starts one publisher of the target for each topic of the options. */
export async function startPublishers(
  target: LabTarget,
  options: AppOptions,
): Promise<RunningPublisher[]> {
  const { topics } = options
  const publishers: RunningPublisher[] = []
  if (topics.naive !== undefined) publishers.push(await startNaive(target, options, topics.naive))
  if (topics.snapshots !== undefined) {
    const start = options.delay.kind === 'none' ? startReal : startDelayed
    publishers.push(await start(target, options, topics.snapshots))
  }
  return publishers
}

function startNaive({ register, job, instance }: LabTarget, options: AppOptions, topic: string) {
  const { brokers, intervalMs } = options
  const drawDelayMs = delaysOf('naive', job, instance, options)
  return NaivePublisher.start({ register, brokers, topic, job, instance, intervalMs, drawDelayMs })
}

function startDelayed({ register, job, instance }: LabTarget, options: AppOptions, topic: string) {
  const { brokers, intervalMs } = options
  const drawDelayMs = delaysOf('kafka-exposer', job, instance, options)
  return DelayedPublisher.start({
    register,
    brokers,
    topic,
    job,
    instance,
    intervalMs,
    drawDelayMs,
  })
}

async function startReal(
  { register, job, instance }: LabTarget,
  options: AppOptions,
  topic: string,
) {
  const { brokers, intervalMs } = options
  const publisher = createPublisher({
    register,
    brokers,
    topic,
    job,
    instance,
    interval: intervalMs,
    logger: silentLogger,
  })
  await publisher.start()
  // Read from the registry, where a user of the publisher reads them.
  const read = async (name: string) =>
    (await register.getSingleMetric(name)?.get())?.values.reduce(
      (sum, { value }) => sum + value,
      0,
    ) ?? 0
  return {
    counts: async () => ({
      collected: await read('publisher_snapshots_total'),
      superseded: await read('publisher_snapshots_superseded_total'),
      sendErrors: await read('publisher_send_errors_total'),
      bufferedBytes: await read('publisher_buffered_bytes'),
    }),
    stop: () => publisher.stop(1000),
  }
}

function delaysOf(
  variant: string,
  job: string,
  instance: string,
  { delay, seed }: AppOptions,
): () => number {
  const random = randomOf(seed, `delay of ${variant} ${job} ${instance}`)
  return () => drawDelay(delay, random) * 1000
}
