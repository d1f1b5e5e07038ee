import type { Logger } from '../base/logger.js'
import { partitionFor } from '../base/murmur2.js'
import { explain, KafkaError } from './errors.js'
import { PartitionLanes } from './sending/lanes.js'
import { readBack } from './sending/read-back.js'
import { type OutgoingRecord, writeRecords } from './sending/write.js'
import type { KafkaConfig, LogRecord } from './types.js'
import { Cluster, REQUEST_TIMEOUT_MS } from './wire/cluster.js'
import { CONNECT_TIMEOUT_MS } from './wire/link.js'

export interface SenderOptions {
  readonly kafka: KafkaConfig
  readonly topic: string
  readonly logger: Logger
  /** Milliseconds after which a send fails, whatever the brokers do. */
  readonly sendTimeout: number
  /** Maximum bytes of a request. The topic's `max.message.bytes` is 1,048,588 by default. */
  readonly maxBatchBytes?: number
  /**
   * Do not keep the process alive for connections or sends: the caller has to wait for what must be
   * sent.
   */
  readonly background?: boolean
  /** Called with the append time of each written batch, Unix ms; −1 if the topic has CreateTime. */
  readonly onAppended?: (time: number) => void
}

/** Records of one key, in order. */
export interface SenderEntry {
  readonly key: Buffer
  readonly values: readonly Buffer[]
}

/**
 * Writes snapshots to the topic. It does not retry: the caller has a newer snapshot after a
 * failure.
 */
export interface Sender {
  /**
   * Finds the brokers and the topic. Optional: `send` does it if necessary.
   *
   * @throws KafkaError
   */
  connect(): Promise<void>
  /**
   * Writes one record per value, in order, to the partition of the key (murmur2, as the Java
   * client). Resolves when all in-sync replicas have them. One attempt, no retries. Records that do
   * not fit into one batch are sent as several, one after the other.
   *
   * @throws KafkaError within the send timeout; the records may have been written nevertheless
   */
  send(key: Buffer, values: readonly Buffer[]): Promise<void>
  /**
   * As `send`, for many keys in as few requests as possible, one request at a time per broker. The
   * entries of a partition are written in order, and none after a failed one.
   *
   * @returns the error of each entry, or null; never rejects, and resolves within the send timeout
   */
  sendAll(entries: readonly SenderEntry[]): Promise<readonly (KafkaError | null)[]>
  /**
   * A lane is a sequence of requests that wait for each other: those to one broker, or those to one
   * partition while its last send failed. Separate calls for different lanes do not wait for each
   * other. Undefined until the metadata of the topic is known.
   */
  laneOf(key: Buffer): number | undefined
  /** Where the last write of this sender to the partition of the key is. Undefined before it. */
  lastWrite(key: Buffer): WritePosition | undefined
  /**
   * Reads the records of one key in its partition: at most `maxBytes`, from an offset on.
   *
   * @throws KafkaError, also if this user is not authorized to read the topic
   */
  readBack(key: Buffer, offset: number, maxBytes: number): Promise<readonly LogRecord[]>
  disconnect(): Promise<void>
}

export interface WritePosition {
  readonly partition: number
  readonly offset: number
}

const MAX_BATCH_BYTES = 1_000_000

/** @throws KafkaError if the address of a broker is malformed */
export function createSender(options: SenderOptions): Sender {
  return new TopicSender(options)
}

class TopicSender implements Sender {
  readonly #topic: string
  readonly #sendTimeout: number
  readonly #maxBatchBytes: number
  readonly #background: boolean
  readonly #onAppended: SenderOptions['onAppended']
  readonly #cluster: Cluster
  readonly #lanes: PartitionLanes
  /** Offset of the last written record by partition. */
  readonly #written = new Map<number, number>()

  constructor({
    kafka,
    topic,
    logger,
    sendTimeout,
    maxBatchBytes,
    background = false,
    onAppended,
  }: SenderOptions) {
    this.#onAppended = onAppended
    this.#topic = topic
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
    this.#lanes = new PartitionLanes(this.#cluster, topic, logger)
  }

  async connect(): Promise<void> {
    const error = await this.#withinDeadline(() => this.#lanes.refresh())
    if (error) throw error
  }

  async send(key: Buffer, values: readonly Buffer[]): Promise<void> {
    const [error] = await this.sendAll([{ key, values }])
    if (error) throw error
  }

  async sendAll(entries: readonly SenderEntry[]): Promise<readonly (KafkaError | null)[]> {
    // Entries without a result at the deadline have failed.
    const outcomes = entries.map((): KafkaError | null | undefined => undefined)
    const error = await this.#withinDeadline(deadline => this.#write(entries, outcomes, deadline))
    return outcomes.map(outcome => (outcome === undefined ? error : outcome))
  }

  laneOf(key: Buffer): number | undefined {
    return this.#lanes.laneOf(key)
  }

  lastWrite(key: Buffer): WritePosition | undefined {
    const partition = this.#lanes.partitionOf(key)
    const offset = partition === undefined ? undefined : this.#written.get(partition)
    return offset === undefined ? undefined : { partition: partition!, offset }
  }

  async readBack(key: Buffer, offset: number, maxBytes: number): Promise<readonly LogRecord[]> {
    const { id, partitions } = await this.#lanes.current([key])
    const partition = partitionFor(key, partitions.length)
    return readBack(this.#lanes.linkOf(partition), {
      topic: this.#topic,
      topicId: id,
      partition,
      offset,
      key,
      maxBytes,
      timeout: this.#cluster.requestTimeout,
    })
  }

  async disconnect(): Promise<void> {
    this.#cluster.close()
  }

  /**
   * Sends the entries of each lane one after the other, and stores results in `outcomes` as they
   * arrive.
   */
  async #write(
    entries: readonly SenderEntry[],
    outcomes: (KafkaError | null | undefined)[],
    deadline: number,
  ): Promise<void> {
    const { partitions } = await this.#lanes.current(entries.map(({ key }) => key))
    const byLane = new Map<number, OutgoingRecord[]>()
    entries.forEach(({ key, values }, entry) => {
      const partition = partitionFor(key, partitions.length)
      const lane = this.#lanes.laneOfPartition(partition)
      const records = byLane.get(lane) ?? []
      byLane.set(lane, records)
      values.forEach((value, i) => {
        records.push({ entry, last: i === values.length - 1, partition, key, value })
      })
    })
    const complete = (entry: number, partition: number, error: KafkaError | null) => {
      outcomes[entry] = error
      if (error) this.#lanes.failed(partition, error)
    }
    const writing = [...byLane.values()].map(records =>
      writeRecords(records, {
        topic: this.#topic,
        maxBytes: this.#maxBatchBytes,
        deadline,
        linkOf: partition => this.#lanes.linkOf(partition),
        complete,
        onWritten: (partition, last) => {
          if (last >= 0) this.#written.set(partition, last)
          this.#lanes.succeeded(partition)
        },
        ...(this.#onAppended && { onAppended: this.#onAppended }),
      }),
    )
    await Promise.all(writing)
  }

  /**
   * Ends at the deadline in any case; remaining requests end by their own timeouts.
   *
   * @returns the error of the work, or null
   */
  #withinDeadline(work: (deadline: number) => Promise<unknown>): Promise<KafkaError | null> {
    const deadline = performance.now() + this.#sendTimeout
    return new Promise(resolve => {
      const fail = (error: unknown) => {
        clearTimeout(timer)
        resolve(explain(error, { topic: this.#topic }))
      }
      const timer = setTimeout(
        () =>
          fail(
            new KafkaError(
              'TIMEOUT',
              `Kafka did not acknowledge the snapshot within ${this.#sendTimeout / 1000} s`,
            ),
          ),
        this.#sendTimeout,
      )
      if (this.#background) timer.unref()
      work(deadline).then(() => {
        clearTimeout(timer)
        resolve(null)
      }, fail)
    })
  }
}
