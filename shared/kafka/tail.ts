import { systemClock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'
import type { KafkaError } from './errors.js'
import { FetchState } from './reading/fetch-state.js'
import { Reader } from './reading/reader.js'
import type { Start } from './start.js'
import type { KafkaConfig, LogRecord } from './types.js'
import { Cluster } from './wire/cluster.js'

export interface TailOptions {
  /**
   * One end of the log, a wall time (`since`, Unix ms), or an offset for all partitions. Default
   * `latest`.
   */
  readonly from?: Start
  /** Default: all. */
  readonly partitions?: readonly number[]
  readonly logger?: Logger
  /** Called for every error; reading is retried. */
  onError?(error: KafkaError): void
  /** Called when a partition has been read up to its high watermark at the start. */
  onCaughtUp?(partition: number): void
}

export interface Tail {
  stop(): Promise<void>
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * Reads a topic without a consumer group: it affects no group and commits nothing.
 *
 * @param onRecord may be asynchronous: reading waits for it. If it throws, the tail stops.
 * @throws KafkaError if the brokers cannot be reached or the topic does not exist
 */
export async function tailTopic(
  kafka: KafkaConfig,
  topic: string,
  options: TailOptions,
  onRecord: (partition: number, record: LogRecord) => void | Promise<void>,
): Promise<Tail> {
  const logger = options.logger ?? SILENT
  const cluster = new Cluster(kafka, logger)
  const metadata = await cluster.metadata(topic).catch(error => {
    cluster.close()
    throw error
  })
  const partitions = options.partitions ?? metadata.partitions.map(p => p.partition)
  const until = new Map<number, number>()
  const caughtUp = (partition: number, next: number) => {
    const end = until.get(partition)
    if (end === undefined || next < end) return
    until.delete(partition)
    options.onCaughtUp?.(partition)
  }
  const reader = new Reader({
    cluster,
    topic,
    clock: systemClock,
    logger,
    events: {
      onStart: (partition, from, end) => {
        until.set(partition, end)
        caughtUp(partition, from)
      },
      onRecords: async (partition, records) => {
        for (const record of records) await onRecord(partition, record)
      },
      onFetched: (partition, next) => caughtUp(partition, next),
      onError: error => options.onError?.(error),
      onPartitionCount: () => {},
    },
  })
  reader.read(
    new Map(
      partitions.map(partition => [partition, new FetchState(partition, options.from ?? 'latest')]),
    ),
  )
  reader.start()
  return {
    async stop() {
      const stopped = reader.stop()
      cluster.close()
      await stopped
    },
  }
}
