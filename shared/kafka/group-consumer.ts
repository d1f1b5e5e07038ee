import { type Clock, systemClock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'
import type { KafkaError } from './errors.js'
import { describeGroup } from './group/coordinator.js'
import { groupMap } from './group/map.js'
import { Member } from './group/member.js'
import { Lease } from './lease.js'
import { type Feed, reassign } from './reading/feed.js'
import { Reader } from './reading/reader.js'
import type { GroupConsumer, GroupMap, KafkaConfig, LogRecord, PartitionListener } from './types.js'
import { Cluster } from './wire/cluster.js'

export interface GroupConsumerOptions {
  readonly kafka: KafkaConfig
  readonly topic: string
  readonly group: string
  /** Where this member's HTTP server is reached, for the group's map. */
  readonly address: string
  readonly listener: PartitionListener
  readonly logger: Logger
  readonly clock?: Clock
  /** Milliseconds without a heartbeat after which the coordinator gives our partitions away. Default 20 s. */
  readonly sessionTimeout?: number
  /** Milliseconds. Default 2 s. */
  readonly heartbeatInterval?: number
  /** How far back a fresh partition is read, milliseconds. Default 10 min. */
  readonly replayWindow?: number
  /** Bytes of one fetch, and of one partition in it. Default 2 MiB and 512 KiB. */
  readonly maxBytes?: number
  readonly maxBytesPerPartition?: number
  /** Milliseconds that a broker may keep an empty fetch. Default 500 ms. */
  readonly maxWait?: number
  /** Milliseconds between two fetches when the first brought little. Default 50 ms. */
  readonly linger?: number
  /** Bytes one foreign compressed batch may inflate to. Default 16 MiB. */
  readonly inflateLimit?: number
  /** Milliseconds between looks at the topic for added partitions. Default 30 s. */
  readonly metadataMaxAge?: number
}

const SESSION_TIMEOUT_MS = 20_000
const HEARTBEAT_INTERVAL_MS = 2_000
const REPLAY_WINDOW_MS = 600_000
const REPEAT_ERROR_AFTER_MS = 30_000

/**
 * A member of the exposer group. `start` resolves when it has begun, not when it has joined: brokers may be down for hours.
 * Records of held partitions go on coming while a rebalance is under way; only the lease says what may be served.
 *
 * @throws KafkaError when a broker's address is not one
 */
export function createGroupConsumer(options: GroupConsumerOptions): GroupConsumer {
  return new ExposerGroupConsumer(options)
}

class ExposerGroupConsumer implements GroupConsumer {
  readonly #options: GroupConsumerOptions
  readonly #clock: Clock
  readonly #cluster: Cluster
  readonly #lease: Lease
  readonly #member: Member
  readonly #reader: Reader
  readonly #feeds = new Map<number, Feed>()
  readonly #replayWindow: number
  #left: Promise<void> | undefined
  #epoch = 0
  /** What the current assignment was made for; 0 before the first. */
  #partitionCount = 0
  #lastError = { message: '', at: Number.NEGATIVE_INFINITY }

  constructor(options: GroupConsumerOptions) {
    const { kafka, topic, group, address, logger } = options
    const clock = options.clock ?? systemClock
    this.#options = options
    this.#clock = clock
    this.#cluster = new Cluster(kafka, logger)
    this.#replayWindow = options.replayWindow ?? REPLAY_WINDOW_MS
    const sessionTimeout = options.sessionTimeout ?? SESSION_TIMEOUT_MS
    this.#lease = new Lease(sessionTimeout)
    this.#member = new Member({
      cluster: this.#cluster,
      group,
      topic,
      address,
      sessionTimeout,
      heartbeatInterval: Math.min(options.heartbeatInterval ?? HEARTBEAT_INTERVAL_MS, sessionTimeout / 3),
      lease: this.#lease,
      clock,
      logger,
      events: {
        owned: () => [...this.#feeds.keys()],
        onRebalancing: () => this.#rebalancing(),
        onAssignment: (partitions, count) => this.#assigned(partitions, count),
        onError: error => this.#logError(error),
      },
    })
    this.#reader = new Reader({
      cluster: this.#cluster,
      topic,
      clock,
      logger,
      maxBytes: options.maxBytes,
      maxBytesPerPartition: options.maxBytesPerPartition,
      maxWait: options.maxWait,
      linger: options.linger,
      metadataMaxAge: options.metadataMaxAge,
      inflateLimit: options.inflateLimit,
      replayWindow: this.#replayWindow,
      events: {
        onStart: (partition, from, until) => this.#tell(l => l.onReplay(partition, from, until)),
        onRecords: (partition, records, position) => this.#handOver(partition, records, position),
        onFetched: (partition, next, end, mono) => this.#tell(l => l.onFetched(partition, next, end, mono)),
        onError: (error, partitions) => this.#fetchFailed(error, partitions),
        onPartitionCount: count => this.#counted(count),
      },
    })
  }

  async start(): Promise<void> {
    this.#member.start()
    this.#reader.start()
  }

  async leave(): Promise<void> {
    this.#left ??= Promise.all([this.#reader.stop(), this.#member.stop()]).then(() => this.#feeds.clear())
    await this.#left
  }

  async stop(): Promise<void> {
    await this.leave()
    this.#cluster.close()
  }

  leaseUntil(): number {
    return this.#lease.until(this.#clock.now())
  }

  async group(): Promise<GroupMap> {
    const { group, topic } = this.#options
    const [{ partitions }, coordinator] = await Promise.all([
      this.#cluster.metadata(topic),
      this.#cluster.coordinator(group),
    ])
    const described = await describeGroup(this.#cluster.at(coordinator), group, this.#cluster.requestTimeout)
    return groupMap(described, topic, partitions.length)
  }

  #rebalancing(): void {
    this.#options.logger.info('the group is rebalancing', { group: this.#options.group })
    this.#tell(listener => listener.onRebalancing())
  }

  #assigned(partitions: readonly number[], partitionCount: number): void {
    const { group, logger } = this.#options
    const transition = reassign(this.#feeds, partitions, () => ({
      since: this.#clock.now().wall - this.#replayWindow,
    }))
    const epoch = ++this.#epoch
    this.#partitionCount = partitionCount
    this.#tell(listener => listener.onAssignment({ epoch, partitionCount, ...transition }))
    this.#reader.read(this.#feeds)
    logger.info('partitions are assigned', { group, epoch, partitionCount, ...transition })
  }

  /** The count is agreed on by joining: until then, everybody goes on with the old one. */
  #counted(count: number): void {
    if (this.#partitionCount === 0 || count === this.#partitionCount) return
    const { topic, logger } = this.#options
    logger.info(`${topic} has ${count} partitions now, not ${this.#partitionCount}: joining anew`)
    this.#member.rejoin()
  }

  #handOver(
    partition: number,
    records: readonly LogRecord[],
    position: { readonly next: number; readonly highWatermark: number },
  ): void | Promise<void> {
    try {
      return this.#options.listener
        .onRecords(partition, records, position)
        ?.catch(error => this.#blame(error))
    } catch (error) {
      this.#blame(error)
    }
  }

  #fetchFailed(error: KafkaError, partitions: readonly number[]): void {
    this.#logError(error)
    if (partitions.length > 0) this.#tell(listener => listener.onFetchError(error, partitions))
  }

  #tell(what: (listener: PartitionListener) => void): void {
    try {
      what(this.#options.listener)
    } catch (error) {
      this.#blame(error)
    }
  }

  #blame(error: unknown): void {
    const { stack, message } = error as Error
    this.#options.logger.error(`a listener failed, which is a mistake in the program: ${message}`, { stack })
  }

  /** An outage is one line every half minute, not one for each attempt. */
  #logError(error: KafkaError): void {
    const { mono } = this.#clock.now()
    const { topic, group, logger } = this.#options
    const repeated =
      error.message === this.#lastError.message && mono - this.#lastError.at < REPEAT_ERROR_AFTER_MS
    if (repeated) {
      logger.debug(error.message)
      return
    }
    this.#lastError = { message: error.message, at: mono }
    logger.warn(`${error.message}; trying again`, { topic, group, error: error.type })
  }
}
