import { type PublisherOptions, settingsOf } from './options.js'
import { Publisher } from './publisher.js'

export type { Logger } from '../shared/base/logger.js'
export type { MetricJson, ValueJson } from '../shared/metrics/prom-client/metric-json.js'
export type { PublisherOptions } from './options.js'
export type { Publisher } from './publisher.js'
export type { CollectFunction, MetricSource, RegistryLike } from './source.js'

/**
 * Publishes the metrics of an app to Kafka, one snapshot of all of them per interval.
 *
 * ```js
 * const publisher = createPublisher({ register, brokers: ['kafka:9092'], job: 'shop' })
 * await publisher.start()
 * process.once('SIGTERM', () => publisher.stop().then(() => process.exit()))
 * ```
 *
 * Memory is constant while the brokers are away: a snapshot replaces the one that waits, and the exposer is told how many
 * were replaced. Nothing here throws into the app but this call itself.
 *
 * @throws TypeError with everything that is wrong with the options
 */
export function createPublisher(options: PublisherOptions): Publisher {
  return new Publisher(settingsOf(options))
}
