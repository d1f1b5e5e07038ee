import type { Logger } from '../../base/logger.js'
import { KafkaError } from '../errors.js'
import type { KafkaConfig } from '../types.js'
import { firstConnected } from './first-connected.js'
import { errorOf, Link } from './link.js'
import { type ClusterMetadata, requestMetadata } from './metadata.js'

export const REQUEST_TIMEOUT_MS = 5_000

interface PartitionMetadata {
  readonly partition: number
  /** Node id; −1 if there is no leader. */
  readonly leader: number
  readonly replicas: number
  readonly inSync: number
}

export interface TopicMetadata {
  readonly topic: string
  /** Changes when the topic is deleted and created again; null from brokers before Kafka 2.8. */
  readonly id: string | null
  /** In order of the partition number. */
  readonly partitions: readonly PartitionMetadata[]
  readonly brokers: number
}

interface Address {
  readonly host: string
  readonly port: number
}

/**
 * Addresses of the brokers, and one shared link to each of them for requests that are answered at
 * once.
 */
export class Cluster {
  readonly #kafka: KafkaConfig
  readonly #logger: Logger
  readonly #bootstrap: readonly Address[]
  readonly #links = new Map<string, Link>()
  readonly #dialled = new Set<Link>()
  #nodes = new Map<number, Address>()
  /** Random at first: the members of a fleet do not all ask the first broker of the same list. */
  #nextBootstrap: number
  #connecting: Promise<Link> | null = null
  #closed = false
  readonly requestTimeout: number

  /** @param background do not keep the process alive for connections and timers */
  constructor(
    kafka: KafkaConfig,
    logger: Logger,
    private readonly background = false,
  ) {
    this.#kafka = kafka
    this.#logger = logger
    this.#bootstrap = kafka.brokers.map(parseAddress)
    this.requestTimeout = kafka.requestTimeout ?? REQUEST_TIMEOUT_MS
    this.#nextBootstrap = Math.floor(Math.random() * this.#bootstrap.length)
    if (this.#bootstrap.length === 0)
      throw new KafkaError('CONNECTION', 'the broker list is empty: set at least one host:port')
  }

  /**
   * Current metadata of a topic.
   *
   * @throws KafkaError, also if the topic does not exist
   */
  async metadata(topic: string): Promise<TopicMetadata> {
    const response = await this.#requestMetadata(topic)
    const { errorCode, id, partitions } = response.topic
    const error = errorOf(errorCode, { topic })
    if (error) throw error
    return {
      topic,
      id,
      brokers: response.brokers.length,
      partitions: [...partitions].sort((a, b) => a.partition - b.partition),
    }
  }

  /**
   * The shared link to the controller, which creates topics.
   *
   * @throws KafkaError
   */
  async linkToController(topic: string): Promise<Link> {
    const { controllerId } = await this.#requestMetadata(topic)
    return controllerId < 0 ? this.anyLink() : this.linkToNode(controllerId)
  }

  /**
   * Number of running brokers.
   *
   * @throws KafkaError
   */
  async brokerCount(topic: string): Promise<number> {
    return (await this.#requestMetadata(topic)).brokers.length
  }

  /**
   * Address of the coordinator of a consumer group.
   *
   * @throws KafkaError
   */
  async findCoordinator(group: string): Promise<Address> {
    const link = await this.anyLink()
    const response = await link.call<{ coordinator: Address }>(
      'GroupCoordinator',
      { groupId: group },
      { timeout: this.requestTimeout, context: { group } },
    )
    return response.coordinator
  }

  /**
   * The shared link to a broker of the last metadata.
   *
   * @throws KafkaError if the last metadata does not contain it
   */
  linkToNode(id: number): Link {
    return this.#sharedLink(this.#addressOf(id))
  }

  /** The shared link to an address. */
  linkTo(address: Address): Link {
    return this.#sharedLink(address)
  }

  /** Opens a separate link for requests that wait. The caller closes it. */
  openLink(to: number | Address): Link {
    const link = this.#newLink(typeof to === 'number' ? this.#addressOf(to) : to)
    for (const old of this.#dialled) if (!old.alive) this.#dialled.delete(old)
    this.#dialled.add(link)
    return link
  }

  /**
   * A link to any broker. Bootstrap brokers are tried in rotation, then all known ones. Concurrent
   * calls share the attempts.
   *
   * @throws KafkaError if no broker responds
   */
  async anyLink(): Promise<Link> {
    for (const link of this.#links.values()) if (link.connected) return link
    this.#connecting ??= this.#connectToAny().finally(() => {
      this.#connecting = null
    })
    return this.#connecting
  }

  async #connectToAny(): Promise<Link> {
    const candidates = new Map<string, Address>()
    const start = this.#nextBootstrap++
    for (let i = 0; i < this.#bootstrap.length; i++) {
      const address = this.#bootstrap[(start + i) % this.#bootstrap.length]!
      candidates.set(keyOf(address), address)
    }
    for (const address of this.#nodes.values()) candidates.set(keyOf(address), address)
    try {
      const open = [...candidates.values()].map(address => () => this.#sharedLink(address))
      return await firstConnected(open, this.background)
    } catch (error) {
      const { type, message } = error as KafkaError
      if (candidates.size === 1 || type === 'AUTHENTICATION' || type === 'CLOSED') throw error
      throw new KafkaError(
        type,
        `none of the brokers ${[...candidates.keys()].join(', ')} can be reached; ${message}`,
        { cause: error },
      )
    }
  }

  /** Closes all connections. Unless `forGood`, later requests open new ones. */
  close(forGood = true): void {
    this.#closed ||= forGood
    for (const link of [...this.#links.values(), ...this.#dialled]) link.close()
    this.#links.clear()
    this.#dialled.clear()
  }

  async #requestMetadata(topic: string): Promise<ClusterMetadata> {
    const response = await requestMetadata(await this.anyLink(), topic, this.requestTimeout)
    this.#nodes = new Map(response.brokers.map(b => [b.nodeId, { host: b.host, port: b.port }]))
    return response
  }

  #sharedLink(address: Address): Link {
    const key = keyOf(address)
    const known = this.#links.get(key)
    if (known?.alive) return known
    const link = this.#newLink(address)
    this.#links.set(key, link)
    return link
  }

  #newLink(address: Address): Link {
    if (this.#closed) throw new KafkaError('CLOSED', 'this Kafka client is closed')
    const { background } = this
    return new Link({ ...address, kafka: this.#kafka, logger: this.#logger, background })
  }

  #addressOf(node: number): Address {
    const address = this.#nodes.get(node)
    if (!address)
      throw new KafkaError('CONNECTION', `broker ${node} is no longer part of the cluster`)
    return address
  }
}

const keyOf = (address: Address) => `${address.host}:${address.port}`

/**
 * Parses `host:port` or `[::1]:port`. The default port is 9092.
 *
 * @throws KafkaError
 */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text.trim())
  const port = Number(match?.[3] ?? 9092)
  const host = match?.[1] ?? match?.[2]
  if (!host || port < 1 || port > 65_535) {
    throw new KafkaError(
      'CONNECTION',
      `"${text}" is not a broker address: use host:port, for example kafka-1:9092 or [::1]:9092`,
    )
  }
  return { host, port }
}
