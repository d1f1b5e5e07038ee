import type { Cluster } from 'node:cluster'
import { ClusterSource } from './cluster/cluster-source.js'
import { type PublisherOptions, settingsOf } from './options.js'
import { Publisher } from './publisher.js'

export type { Logger } from '../shared/base/logger.js'
export { type ClientCredentials, clientCredentials } from '../shared/kafka/client-credentials.js'
export type { MetricJson, ValueJson } from '../shared/metrics/prom-client/metric-json.js'
export { answerClusterSource } from './cluster/answer.js'
export type { PublisherOptions } from './options.js'
export type { Publisher } from './publisher.js'
export type { CollectFunction, MetricSource, RegistryLike } from './source.js'

/**
 * Creates a publisher, which sends one snapshot of an application's metrics to Kafka per interval.
 *
 * ```js
 * const publisher = createPublisher({ register, brokers: ['kafka:9092'], job: 'shop' })
 * await publisher.start()
 * process.once('SIGTERM', () => publisher.stop().then(() => process.exit()))
 * ```
 *
 * Memory use is constant during a Kafka outage: a new snapshot supersedes the pending one. Records
 * carry the number of superseded snapshots. No method of the publisher throws or rejects.
 *
 * @throws TypeError that lists all invalid options
 */
export function createPublisher(options: PublisherOptions): Publisher {
  return new Publisher(settingsOf(options))
}

/**
 * The metrics of all workers of `node:cluster`, combined, for the option `register` of a publisher
 * in the primary. Each worker calls `answerClusterSource`. What fails in one worker does not affect
 * the metrics of the others.
 */
export function clusterSource(): ClusterSource {
  return new ClusterSource(process.getBuiltinModule('node:cluster') as unknown as Cluster)
}
