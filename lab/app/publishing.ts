import { createPublisher } from '../../producer/index.js'
import { NaivePublisher } from '../naive/publisher.js'
import { delayOf, randomOf } from '../random.js'
import { DelayedPublisher } from './delayed-publisher.js'
import type { AppOptions } from './options.js'
import type { LabTarget } from './target.js'

export interface Counts {
  readonly collected: number
  readonly superseded: number
  readonly sendErrors: number
  readonly bufferedBytes: number
}

export interface Publishing {
  counts(): Promise<Counts> | Counts
  stop(): Promise<void>
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** Begins to publish a target in each of the ways that are wanted. */
export async function publish(target: LabTarget, options: AppOptions): Promise<Publishing[]> {
  const { topics, brokers, intervalMs, way, seed } = options
  const { register, job, instance } = target
  const publishing: Publishing[] = []
  const delay = (variant: string) => {
    const random = randomOf(seed, `way of ${variant} ${job} ${instance}`)
    return () => delayOf(way, random) * 1000
  }
  if (topics.naive !== undefined) {
    const topic = topics.naive
    publishing.push(
      await NaivePublisher.start({
        register,
        brokers,
        topic,
        job,
        instance,
        intervalMs,
        way: delay('naive'),
      }),
    )
  }
  if (topics.ours === undefined) return publishing
  const topic = topics.ours
  if (way.kind !== 'none') {
    publishing.push(
      DelayedPublisher.start({ register, brokers, topic, job, instance, intervalMs, way: delay('ours') }),
    )
    return publishing
  }
  const publisher = createPublisher({
    register,
    brokers,
    topic,
    job,
    instance,
    interval: intervalMs,
    logger: quiet,
  })
  await publisher.start()
  // As its users see them: in the registry.
  const value = async (name: string) =>
    (await register.getSingleMetric(name)?.get())?.values.reduce((sum, one) => sum + one.value, 0) ?? 0
  publishing.push({
    counts: async () => ({
      collected: await value('publisher_snapshots_total'),
      superseded: await value('publisher_snapshots_superseded_total'),
      sendErrors: await value('publisher_send_errors_total'),
      bufferedBytes: await value('publisher_buffered_bytes'),
    }),
    stop: () => publisher.stop(1000),
  })
  return publishing
}
