import type { Logger } from '../../base/logger.js'
import { partitionFor } from '../../base/murmur2.js'
import { KafkaError } from '../errors.js'
import type { Cluster, TopicMetadata } from '../wire/cluster.js'
import type { Link } from '../wire/link.js'

/**
 * The same age as in exposers: after partitions are added, both must map keys to the same partition
 * soon.
 */
const METADATA_MAX_AGE_MS = 30_000

/** Errors that concern one partition: the others of its broker are not affected. */
const PARTITION_ERRORS = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'REQUEST_TIMED_OUT',
  'REPLICA_NOT_AVAILABLE',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'KAFKA_STORAGE_ERROR',
  'FENCED_LEADER_EPOCH',
])

interface IsolatedPartition {
  readonly slow: boolean
  /** Of a slow one: its own, and to which broker. */
  link: Link | null
  leader: number
}

/**
 * Assigns partitions to lanes: those of one broker share a lane, because a broker answers the
 * requests of a connection in order. A partition that fails alone gets its own lane until a send
 * succeeds. If its replicas do not acknowledge in time, it also gets its own connection, because
 * the broker answers nothing else on a connection meanwhile.
 */
export class PartitionLanes {
  #metadata: TopicMetadata | null = null
  #metadataAt = 0
  #refreshing: Promise<TopicMetadata> | null = null
  /** Partitions whose leader may have moved: refresh the metadata before the next send. */
  readonly #stale = new Set<number>()
  readonly #isolated = new Map<number, IsolatedPartition>()

  constructor(
    private readonly cluster: Cluster,
    private readonly topic: string,
    private readonly logger: Logger,
  ) {}

  /** Undefined until the metadata of the topic is known. */
  laneOf(key: Buffer): number | undefined {
    const partition = this.partitionOf(key)
    return partition === undefined ? undefined : this.laneOfPartition(partition)
  }

  /** Undefined until the metadata of the topic is known. */
  partitionOf(key: Buffer): number | undefined {
    return this.#metadata ? partitionFor(key, this.#metadata.partitions.length) : undefined
  }

  /** Node id of the leader, or a negative number that is unique to an isolated partition. */
  laneOfPartition(partition: number): number {
    const leader = this.#leaderOf(partition)
    return leader < 0 || this.#isolated.has(partition) ? -1 - partition : leader
  }

  /**
   * Returns the cached metadata. Refreshes it first if a partition of these keys has failed before.
   * Metadata that has become old is refreshed in the background.
   *
   * @throws KafkaError
   */
  async current(keys: readonly Buffer[]): Promise<TopicMetadata> {
    const metadata = this.#metadata
    if (!metadata) return this.refresh()
    const count = metadata.partitions.length
    if (this.#stale.size > 0 && keys.some(key => this.#stale.has(partitionFor(key, count))))
      return this.refresh()
    if (performance.now() - this.#metadataAt > METADATA_MAX_AGE_MS) {
      this.refresh().catch(error =>
        this.logger.debug(`could not refresh the topic metadata: ${error.message}`),
      )
    }
    return metadata
  }

  /** @throws KafkaError */
  refresh(): Promise<TopicMetadata> {
    this.#refreshing ??= this.cluster
      .metadata(this.topic)
      .then(metadata => {
        this.#metadata = metadata
        this.#metadataAt = performance.now()
        this.#stale.clear()
        for (const partition of this.#isolated.keys())
          if (partition >= metadata.partitions.length) this.succeeded(partition)
        return metadata
      })
      .finally(() => {
        this.#refreshing = null
      })
    return this.#refreshing
  }

  /** @throws KafkaError if the partition has no leader or does not exist */
  linkOf(partition: number): Link {
    const leader = this.#leaderOf(partition)
    if (leader < 0) {
      throw new KafkaError(
        'LEADER_NOT_AVAILABLE',
        `partition ${partition} of topic ${this.topic} has no leader at the moment: check that its brokers are running`,
      )
    }
    const isolated = this.#isolated.get(partition)
    if (!isolated?.slow) return this.cluster.linkToNode(leader)
    if (!isolated.link?.alive || isolated.leader !== leader) {
      isolated.link?.close()
      isolated.link = this.cluster.openLink(leader)
      isolated.leader = leader
    }
    return isolated.link
  }

  /** It is isolated no longer. */
  succeeded(partition: number): void {
    this.#isolated.get(partition)?.link?.close()
    this.#isolated.delete(partition)
  }

  failed(partition: number, error: KafkaError): void {
    // The records are invalid; the partition is not affected.
    if (error.refusal) return
    this.#stale.add(partition)
    if (!PARTITION_ERRORS.has(error.type)) return
    const slow = error.type === 'REQUEST_TIMED_OUT'
    const before = this.#isolated.get(partition)
    this.#isolated.set(partition, {
      slow: slow || before?.slow === true,
      link: before?.link ?? null,
      leader: before?.leader ?? -1,
    })
  }

  #leaderOf(partition: number): number {
    return this.#metadata?.partitions[partition]?.leader ?? -1
  }
}
