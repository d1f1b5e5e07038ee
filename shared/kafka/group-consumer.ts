import { type Clock, type Instant, systemClock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'
import { type Assigner, stickyAssigner } from './assigner.js'
import type { KafkaError } from './errors.js'
import { Commits } from './group/commits.js'
import { Committer } from './group/committer.js'
import { describeGroup } from './group/coordinator.js'
import { descriptionOf } from './group/description.js'
import { guardListener } from './group/guarded-listener.js'
import { Member } from './group/member.js'
import { fetchOffsets } from './group/offsets.js'
import { OutageLog } from './group/outage-log.js'
import { Lease } from './lease.js'
import { type FetchState, reassign } from './reading/fetch-state.js'
import { Reader } from './reading/reader.js'
import type { Start, StartPosition } from './start.js'
import { Wakeup } from './timing.js'
import type { GroupConsumer, GroupDescription, KafkaConfig, PartitionListener } from './types.js'
import { Cluster } from './wire/cluster.js'

export interface GroupConsumerOptions {
  readonly kafka: KafkaConfig
  readonly topic: string
  readonly group: string
  /** Where partitions begin that are newly assigned. */
  readonly start: StartPosition
  /** What other members and `group` are args of this one: the program's own bytes. Default: none. */
  readonly metadata?: Uint8Array
  /** Whether positions are committed: what `commit` is given. Default: false. */
  readonly commits?: boolean
  /** Default: sticky. */
  readonly assigner?: Assigner
  readonly listener: PartitionListener
  readonly logger: Logger
  readonly clock?: Clock
  /** Milliseconds without a heartbeat after which the coordinator gives our partitions away. Default 20 s. */
  readonly sessionTimeout?: number
  /** Milliseconds. Default 2 s. */
  readonly heartbeatInterval?: number
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
/** How long a member that commits may take to finish what is under way before its partitions are given up. */
const MAX_FLUSH_MS = 5_000
const NOTHING_COMMITTED = -1

/**
 * A member of a consumer group. `start` resolves when it has begun, not when it has joined: brokers may be down for hours.
 * Records of held partitions go on coming while a rebalance is under way; only the lease says what may be served. Any number
 * of members, of the same or other groups, can live in one process: each has connections of its own.
 *
 * @throws KafkaError when a broker's address is not one
 */
export function createGroupConsumer(options: GroupConsumerOptions): GroupConsumer {
  return new TopicGroupConsumer(options)
}

class TopicGroupConsumer implements GroupConsumer {
  readonly #options: GroupConsumerOptions
  readonly #listener: PartitionListener
  readonly #clock: Clock
  readonly #cluster: Cluster
  readonly #lease: Lease
  readonly #commits: Commits | null
  readonly #member: Member
  readonly #reader: Reader
  readonly #states = new Map<number, FetchState>()
  #leaving: Promise<void> | undefined
  #epoch = 0
  #assignedAt: Instant
  /** What the current assignment was made for; 0 before the first. */
  #partitionCount = 0

  constructor(options: GroupConsumerOptions) {
    const { kafka, topic, group, logger, start } = options
    const clock = options.clock ?? systemClock
    this.#options = options
    this.#clock = clock
    this.#assignedAt = clock.now()
    this.#cluster = new Cluster(kafka, logger)
    this.#commits = options.commits ? new Commits() : null
    const listener = guardListener(options.listener, logger)
    this.#listener = listener
    const outages = new OutageLog(logger, clock, { topic, group })
    const onError = (error: KafkaError) => outages.report(error)
    const sessionTimeout = options.sessionTimeout ?? SESSION_TIMEOUT_MS
    this.#lease = new Lease(sessionTimeout)
    this.#member = new Member({
      cluster: this.#cluster,
      group,
      topic,
      metadata: options.metadata ?? new Uint8Array(),
      assigner: options.assigner ?? stickyAssigner,
      sessionTimeout,
      heartbeatInterval: Math.min(options.heartbeatInterval ?? HEARTBEAT_INTERVAL_MS, sessionTimeout / 3),
      committer: this.#commits && new Committer(this.#commits, topic, logger, onError),
      lease: this.#lease,
      clock,
      logger,
      events: {
        owned: () => [...this.#states.keys()],
        onRebalancing: () => this.#onRebalancing(Math.min(MAX_FLUSH_MS, sessionTimeout / 3)),
        onAssignment: (partitions, count) => this.#onAssigned(partitions, count),
        onError,
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
      starts: partitions => this.#findStarts(partitions),
      afterReplacement: () => start.afterReplacement(clock.now()),
      events: {
        onStart: (partition, from, until, replaced) => {
          if (replaced) this.#commits?.begin(partition, NOTHING_COMMITTED)
          listener.onReplay(partition, from, until)
        },
        onRecords: listener.onRecords,
        onFetched: listener.onFetched,
        onError: (error, partitions) => {
          onError(error)
          if (partitions.length > 0) listener.onFetchError(error, partitions)
        },
        onPartitionCount: count => this.#onPartitionCount(count),
      },
    })
  }

  async start(): Promise<void> {
    this.#member.start()
    this.#reader.start()
  }

  async leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    await this.#leaving
  }

  async #leave(): Promise<void> {
    const read = this.#reader.stop()
    // What is being handed over may end in a commit.
    if (this.#commits) await read
    await Promise.all([read, this.#member.stop()])
    this.#states.clear()
  }

  async stop(): Promise<void> {
    await this.leave()
    this.#cluster.close()
  }

  leaseUntil(): number {
    return this.#lease.until(this.#clock.now())
  }

  commit(partition: number, offset: number, metadata = ''): void {
    if (!this.#commits) throw new Error('this member does not commit: it was made without `commits`')
    this.#commits.add(partition, offset, metadata)
  }

  async describeGroup(): Promise<GroupDescription> {
    const { group, topic } = this.#options
    const [{ partitions }, coordinator] = await Promise.all([
      this.#cluster.metadata(topic),
      this.#cluster.findCoordinator(group),
    ])
    const described = await describeGroup(
      this.#cluster.linkTo(coordinator),
      group,
      this.#cluster.requestTimeout,
    )
    return descriptionOf(described, topic, partitions.length)
  }

  /** Resolves when the listener has finished what was under way, or has taken too long. */
  #onRebalancing(patience: number): void | Promise<void> {
    this.#options.logger.info('the group is rebalancing', { group: this.#options.group })
    const finishing = this.#listener.onRebalancing()
    if (!finishing || !this.#commits) return
    const waited = new Wakeup()
    finishing.then(() => waited.wake())
    return waited.wait(patience)
  }

  #onAssigned(partitions: readonly number[], partitionCount: number): void {
    const { group, logger, start } = this.#options
    this.#assignedAt = this.#clock.now()
    const change = reassign(this.#states, partitions, partition =>
      start.usesCommitted ? null : start.of(partition, new Map(), this.#assignedAt),
    )
    const epoch = ++this.#epoch
    this.#partitionCount = partitionCount
    for (const partition of change.lost) this.#commits?.end(partition)
    for (const partition of change.fresh) {
      // Where commits are read, nothing may be committed before: it could be less than what is.
      if (start.usesCommitted) this.#commits?.end(partition)
      else this.#commits?.begin(partition, NOTHING_COMMITTED)
    }
    this.#listener.onAssignment({ epoch, partitionCount, ...change })
    this.#reader.read(this.#states)
    logger.info('partitions are assigned', { group, epoch, partitionCount, ...change })
  }

  /** Where these begin by what the group has committed, which whoever owned them before has done by now. */
  async #findStarts(partitions: readonly number[]): Promise<Map<number, Start>> {
    const { group, topic, start } = this.#options
    const epoch = this.#epoch
    const all = Array.from({ length: this.#partitionCount }, (_, partition) => partition)
    const link = this.#cluster.linkTo(await this.#cluster.findCoordinator(group))
    const committed = await fetchOffsets(link, group, topic, all, this.#cluster.requestTimeout)
    // What belongs to an assignment that is over is asked for again if it is still wanted.
    if (epoch !== this.#epoch) return new Map()
    for (const partition of partitions) {
      this.#commits?.begin(partition, committed.get(partition)?.offset ?? NOTHING_COMMITTED)
    }
    return new Map(partitions.map(partition => [partition, start.of(partition, committed, this.#assignedAt)]))
  }

  /** The count is agreed on by joining: until then, everybody goes on with the old one. */
  #onPartitionCount(count: number): void {
    if (this.#partitionCount === 0 || count === this.#partitionCount) return
    const { topic, logger } = this.#options
    logger.info(`${topic} has ${count} partitions now, not ${this.#partitionCount}: joining anew`)
    this.#member.rejoin()
  }
}
