import type { Logger } from '../base/logger.js'
import { partitionFor } from '../base/murmur2.js'
import { explain, KafkaError } from './errors.js'
import type { KafkaConfig } from './types.js'
import { Cluster, REQUEST_TIMEOUT_MS, type TopicMetadata } from './wire/cluster.js'
import { CONNECT_TIMEOUT_MS } from './wire/link.js'
import { BATCH_OVERHEAD, produce, RECORD_OVERHEAD } from './wire/produce.js'

export interface SenderOptions {
  readonly kafka: KafkaConfig
  readonly topic: string
  readonly logger: Logger
  /** Milliseconds until a send has failed, whatever the brokers do. */
  readonly sendTimeout: number
  /** Bytes of one batch; the topic's `max.message.bytes` is 1,048,588 by default. */
  readonly maxBatchBytes?: number
  /** Neither a connection nor a send under way keeps the process alive: who needs it sent must stay for it. */
  readonly background?: boolean
}

/** Writes snapshots. It keeps nothing of what failed: whoever sends has something newer by then. */
export interface Sender {
  /** Finds the brokers and the topic. Optional: `send` does it too. @throws KafkaError */
  connect(): Promise<void>
  /**
   * Writes one record for each value, in order, to the partition of the key (murmur2, as the Java client). Resolves when
   * all in-sync replicas have them; one attempt, no retries. Parts that do not fit one batch go as several, one after
   * the other.
   *
   * @throws KafkaError within the send timeout; what was sent may have been written all the same
   */
  send(key: Buffer, values: readonly Buffer[]): Promise<void>
  disconnect(): Promise<void>
}

const MAX_BATCH_BYTES = 1_000_000
/** As often as exposers look: added partitions must not leave the two with different ideas of a key's place for long. */
const METADATA_MAX_AGE_MS = 30_000

/** @throws KafkaError when a broker's address is not one */
export function createSender(options: SenderOptions): Sender {
  return new TopicSender(options)
}

class TopicSender implements Sender {
  readonly #topic: string
  readonly #logger: Logger
  readonly #sendTimeout: number
  readonly #maxBatchBytes: number
  readonly #background: boolean
  readonly #cluster: Cluster
  #metadata: TopicMetadata | null = null
  #metadataAt = 0
  #refreshing: Promise<TopicMetadata> | null = null

  constructor({ kafka, topic, logger, sendTimeout, maxBatchBytes, background = false }: SenderOptions) {
    this.#topic = topic
    this.#logger = logger
    this.#sendTimeout = sendTimeout
    this.#maxBatchBytes = maxBatchBytes ?? MAX_BATCH_BYTES
    this.#background = background
    this.#cluster = new Cluster(
      {
        ...kafka,
        connectionTimeout: Math.min(kafka.connectionTimeout ?? CONNECT_TIMEOUT_MS, sendTimeout),
        requestTimeout: Math.min(kafka.requestTimeout ?? REQUEST_TIMEOUT_MS, sendTimeout),
      },
      logger,
      background,
    )
  }

  connect(): Promise<void> {
    return this.#withinDeadline(async () => {
      await this.#refresh()
    })
  }

  send(key: Buffer, values: readonly Buffer[]): Promise<void> {
    return this.#withinDeadline(deadline => this.#write(key, values, deadline))
  }

  async disconnect(): Promise<void> {
    this.#cluster.close()
  }

  async #write(key: Buffer, values: readonly Buffer[], deadline: number): Promise<void> {
    const metadata = await this.#current()
    const partition = partitionFor(key, metadata.partitions.length)
    const leader = metadata.partitions[partition]?.leader ?? -1
    if (leader < 0) {
      throw new KafkaError(
        'LEADER_NOT_AVAILABLE',
        `partition ${partition} of topic ${this.#topic} has no leader right now: check that enough brokers are up`,
      )
    }
    for (const batch of this.#batches(key, values)) {
      const left = deadline - performance.now()
      // Connecting took it all, and the caller was told so: what it has by now is newer.
      if (left <= 0) return
      const request = { topic: this.#topic, partition, key, values: batch, timestamp: Date.now() }
      await produce(this.#cluster.node(leader), request, Math.ceil(left))
    }
  }

  #batches(key: Buffer, values: readonly Buffer[]): Buffer[][] {
    const batches: Buffer[][] = []
    let bytes = Number.POSITIVE_INFINITY
    for (const value of values) {
      const size = RECORD_OVERHEAD + key.length + value.length
      if (bytes + size > this.#maxBatchBytes) {
        batches.push([])
        bytes = BATCH_OVERHEAD
      }
      batches.at(-1)!.push(value)
      bytes += size
    }
    return batches
  }

  /** The metadata at hand. When it has grown old it is renewed beside the sending, not before it. */
  #current(): TopicMetadata | Promise<TopicMetadata> {
    if (!this.#metadata) return this.#refresh()
    if (performance.now() - this.#metadataAt > METADATA_MAX_AGE_MS) {
      this.#refresh().catch(error =>
        this.#logger.debug(`topic metadata could not be renewed: ${error.message}`),
      )
    }
    return this.#metadata
  }

  #refresh(): Promise<TopicMetadata> {
    this.#refreshing ??= this.#cluster
      .metadata(this.#topic)
      .then(metadata => {
        this.#metadata = metadata
        this.#metadataAt = performance.now()
        return metadata
      })
      .finally(() => {
        this.#refreshing = null
      })
    return this.#refreshing
  }

  /** Rejects at the deadline even if nothing else does; what goes on behind it ends by its own timeouts. */
  #withinDeadline(work: (deadline: number) => Promise<void>): Promise<void> {
    const deadline = performance.now() + this.#sendTimeout
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => {
        clearTimeout(timer)
        // Leaders may have moved, partitions may have been added: whatever it was, look again before the next attempt.
        this.#metadata = null
        reject(explain(error, { topic: this.#topic }))
      }
      const timer = setTimeout(
        () =>
          fail(
            new KafkaError('TIMEOUT', `Kafka did not take the snapshot within ${this.#sendTimeout / 1000} s`),
          ),
        this.#sendTimeout,
      )
      if (this.#background) timer.unref()
      work(deadline).then(() => {
        clearTimeout(timer)
        resolve()
      }, fail)
    })
  }
}
