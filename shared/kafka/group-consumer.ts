import { type Clock, type Instant, systemClock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'
import { type Assigner, stickyAssigner } from './assigner.js'
import type { KafkaError } from './errors.js'
import { Commits } from './group/commits.js'
import { Committer } from './group/committer.js'
import { describeGroup } from './group/coordinator.js'
import { descriptionOf } from './group/description.js'
import { guardListener } from './group/guarded-listener.js'
import { Member, type MemberAssignment } from './group/member.js'
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
  /** Start position of newly assigned partitions. */
  readonly start: StartPosition
  /** Metadata of this member for other members and `describeGroup`, opaque here. Default: none. */
  readonly metadata?: Uint8Array
  /**
   * `group.instance.id`, which makes a static member: a process that restarts within the session
   * timeout takes the place of its predecessor, without a rebalance. Of two processes with one id,
   * the first is ended (see `onDuplicate`). See `instanceIdOf`. Default: none.
   */
  readonly instanceId?: string
  /** Called when this member has ended because another process uses its instance id. */
  readonly onDuplicate?: (error: KafkaError) => void
  /**
   * Whether the records of the partitions are read. A member that does not read only learns which
   * partitions are its own. Default: true.
   */
  readonly reads?: boolean
  /** Whether the offsets passed to `commit` are committed. Default: false. */
  readonly commits?: boolean
  /** Default: sticky. */
  readonly assigner?: Assigner
  readonly listener: PartitionListener
  readonly logger: Logger
  readonly clock?: Clock
  /**
   * Session timeout, milliseconds: without a heartbeat for so long, the coordinator reassigns the
   * partitions. Default 20 s.
   */
  readonly sessionTimeout?: number
  /** Milliseconds. Default 2 s. */
  readonly heartbeatInterval?: number
  /** Maximum bytes of a fetch response and of one partition in it. Default 2 MiB and 512 KiB. */
  readonly maxBytes?: number
  readonly maxBytesPerPartition?: number
  /** Milliseconds that a broker may wait for new records before it responds. Default 500 ms. */
  readonly maxWait?: number
  /** Milliseconds between two fetches if the first returned little. Default 50 ms. */
  readonly linger?: number
  /** Maximum size of a decompressed batch, bytes. Default 16 MiB. */
  readonly inflateLimit?: number
  /** Milliseconds between metadata requests, which detect added partitions. Default 30 s. */
  readonly metadataMaxAge?: number
}

const SESSION_TIMEOUT_MS = 20_000
const HEARTBEAT_INTERVAL_MS = 2_000
/** Maximum time for a listener to finish its work on partitions that it loses. */
const MAX_FLUSH_MS = 5_000
/** Maximum time for a planned stop to hand the partitions over before the member leaves. */
const MAX_RELEASE_MS = 8_000
const NOTHING_COMMITTED = -1

/**
 * Creates a member of a consumer group. `start` resolves without waiting for the group: brokers may
 * be down for hours. Records of held partitions continue to arrive during a rebalance; the lease
 * alone decides what may be served. A process can have any number of members, of one or several
 * groups: each has its own connections.
 *
 * @throws KafkaError if the address of a broker is malformed
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
  /** Number of partitions of the current assignment; 0 before the first one. */
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
      instanceId: options.instanceId ?? null,
      metadata: options.metadata ?? new Uint8Array(),
      assigner: options.assigner ?? stickyAssigner,
      sessionTimeout,
      heartbeatInterval: Math.min(
        options.heartbeatInterval ?? HEARTBEAT_INTERVAL_MS,
        sessionTimeout / 3,
      ),
      committer: this.#commits && new Committer(this.#commits, topic, logger, onError),
      lease: this.#lease,
      clock,
      logger,
      events: {
        owned: () => [...this.#states.keys()],
        onRebalancing: () => {
          logger.info('rebalancing the group', { group })
          listener.onRebalancing()
        },
        onRevoking: partitions =>
          this.#onRevoking(partitions, Math.min(MAX_FLUSH_MS, sessionTimeout / 3)),
        onAssignment: assignment => this.#onAssigned(assignment),
        onDuplicate: error => options.onDuplicate?.(error),
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
    if (this.#options.reads !== false) this.#reader.start()
  }

  async leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    await this.#leaving
  }

  async #leave(): Promise<void> {
    await this.#member.release(MAX_RELEASE_MS)
    const read = this.#reader.stop()
    // Records that are being delivered may still lead to a commit.
    if (this.#commits) await read
    await Promise.all([read, this.#member.stop()])
    // What could not be handed over is lost now.
    if (this.#states.size > 0)
      this.#onAssigned({
        partitions: [],
        partitionCount: this.#partitionCount,
        previous: new Map(),
        unbroken: false,
      })
  }

  async stop(): Promise<void> {
    await this.leave()
    this.#cluster.close()
  }

  leaseUntil(): number {
    return this.#lease.until(this.#clock.now())
  }

  commit(partition: number, offset: number, metadata = ''): void {
    if (!this.#commits)
      throw new Error('this member does not commit offsets: create it with `commits: true`')
    this.#commits.add(partition, offset, metadata)
  }

  committed(partition: number): number {
    return this.#commits?.confirmed(partition) ?? -1
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

  /** Resolves when the listener has finished its work, or after `patience` milliseconds. */
  #onRevoking(partitions: readonly number[], patience: number): void | Promise<void> {
    const finishing = this.#listener.onRevoking?.(partitions)
    if (!finishing) return
    const waited = new Wakeup()
    finishing.then(() => waited.wake())
    return waited.wait(patience)
  }

  #onAssigned({ partitions, partitionCount, previous, unbroken }: MemberAssignment): void {
    const { group, logger, start } = this.#options
    this.#assignedAt = this.#clock.now()
    const change = reassign(
      this.#states,
      partitions,
      partition => (start.usesCommitted ? null : start.of(partition, new Map(), this.#assignedAt)),
      // Without a lease another member may have committed further offsets.
      unbroken || !this.#commits,
    )
    const epoch = ++this.#epoch
    this.#partitionCount = partitionCount
    for (const partition of change.lost) this.#commits?.end(partition)
    for (const partition of change.fresh) {
      // Until the committed offset is known, a commit could move it backwards.
      if (start.usesCommitted) this.#commits?.end(partition)
      else this.#commits?.begin(partition, NOTHING_COMMITTED)
    }
    const fresh = new Map([...previous].filter(([partition]) => change.fresh.includes(partition)))
    this.#listener.onAssignment({ epoch, partitionCount, ...change, previous: fresh })
    this.#reader.read(this.#states)
    logger.info('partitions assigned', { group, epoch, partitionCount, ...change })
  }

  /**
   * Start positions by the offsets of the group. Former owners have made their last commits by now.
   */
  async #findStarts(partitions: readonly number[]): Promise<Map<number, Start>> {
    const { group, topic, start } = this.#options
    const epoch = this.#epoch
    const all = Array.from({ length: this.#partitionCount }, (_, partition) => partition)
    const link = this.#cluster.linkTo(await this.#cluster.findCoordinator(group))
    const committed = await fetchOffsets(link, group, topic, all, this.#cluster.requestTimeout)
    // A result for an earlier assignment is dropped; what is still assigned is requested again.
    if (epoch !== this.#epoch) return new Map()
    for (const partition of partitions) {
      this.#commits?.begin(partition, committed.get(partition)?.offset ?? NOTHING_COMMITTED)
    }
    return new Map(
      partitions.map(partition => [partition, start.of(partition, committed, this.#assignedAt)]),
    )
  }

  /**
   * The group agrees on the number of partitions by rejoining. Until then the old number is in use.
   */
  #onPartitionCount(count: number): void {
    if (this.#partitionCount === 0 || count === this.#partitionCount) return
    const { topic, logger } = this.#options
    logger.info(
      `topic ${topic} has ${count} partitions instead of ${this.#partitionCount}: rejoining the group`,
    )
    this.#member.rejoin()
  }
}
