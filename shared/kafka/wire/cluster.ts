import type { Logger } from '../../base/logger.js'
import { explain, KafkaError } from '../errors.js'
import type { KafkaConfig } from '../types.js'
import { errorOf, Link } from './link.js'
import { type ClusterMetadata, requestMetadata } from './metadata.js'

export const REQUEST_TIMEOUT_MS = 5_000

interface PartitionMetadata {
  readonly partition: number
  /** Node id, or −1 while there is none. */
  readonly leader: number
  readonly replicas: number
  readonly inSync: number
}

export interface TopicMetadata {
  readonly topic: string
  /** Another one when the topic was deleted and created again; null from brokers before Kafka 2.8. */
  readonly id: string | null
  /** In order of partition. */
  readonly partitions: readonly PartitionMetadata[]
  readonly brokers: number
}

interface Address {
  readonly host: string
  readonly port: number
}

/** Where the brokers are, and a shared link to each for requests that are answered at once. */
export class Cluster {
  readonly #kafka: KafkaConfig
  readonly #logger: Logger
  readonly #bootstrap: readonly Address[]
  readonly #links = new Map<string, Link>()
  readonly #dialled = new Set<Link>()
  #nodes = new Map<number, Address>()
  #nextBootstrap = 0
  #closed = false
  readonly requestTimeout: number

  /** @param background nothing of it keeps the process alive */
  constructor(
    kafka: KafkaConfig,
    logger: Logger,
    private readonly background = false,
  ) {
    this.#kafka = kafka
    this.#logger = logger
    this.#bootstrap = kafka.brokers.map(parseAddress)
    this.requestTimeout = kafka.requestTimeout ?? REQUEST_TIMEOUT_MS
    if (this.#bootstrap.length === 0)
      throw new KafkaError('CONNECTION', 'no broker is given: name at least one host:port')
  }

  /** Topic and leaders as a broker knows them right now. @throws KafkaError, also when the topic does not exist */
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

  /** The shared link to the broker that creates topics. @throws KafkaError */
  async linkToController(topic: string): Promise<Link> {
    const { controllerId } = await this.#requestMetadata(topic)
    return controllerId < 0 ? this.anyLink() : this.linkToNode(controllerId)
  }

  /** How many brokers are up. @throws KafkaError */
  async brokerCount(topic: string): Promise<number> {
    return (await this.#requestMetadata(topic)).brokers.length
  }

  /** The address of a group's coordinator. @throws KafkaError */
  async findCoordinator(group: string): Promise<Address> {
    const link = await this.anyLink()
    const response = await link.call<{ coordinator: Address }>(
      'GroupCoordinator',
      { groupId: group },
      { timeout: this.requestTimeout, context: { group } },
    )
    return response.coordinator
  }

  /** The shared link to a node of the last metadata. */
  linkToNode(id: number): Link {
    return this.#sharedLink(this.#addressOf(id))
  }

  /** The shared link to an address. */
  linkTo(address: Address): Link {
    return this.#sharedLink(address)
  }

  /** A link of its own, for requests that wait; close it when done. */
  openLink(to: number | Address): Link {
    const link = this.#newLink(typeof to === 'number' ? this.#addressOf(to) : to)
    for (const old of this.#dialled) if (!old.alive) this.#dialled.delete(old)
    this.#dialled.add(link)
    return link
  }

  /** A link to whichever broker answers first in turn. @throws KafkaError when none does */
  async anyLink(): Promise<Link> {
    for (const link of this.#links.values()) if (link.connected) return link
    const candidates = new Map<string, Address>()
    const start = this.#nextBootstrap++
    for (let i = 0; i < this.#bootstrap.length; i++) {
      const address = this.#bootstrap[(start + i) % this.#bootstrap.length]!
      candidates.set(keyOf(address), address)
    }
    for (const address of this.#nodes.values()) candidates.set(keyOf(address), address)
    let first: KafkaError | null = null
    for (const address of candidates.values()) {
      try {
        const link = this.#sharedLink(address)
        await link.connect()
        return link
      } catch (error) {
        first ??= explain(error)
        if (first.type === 'AUTHENTICATION') throw first
      }
    }
    if (candidates.size <= 1 || !first) throw first ?? new KafkaError('CLOSED', 'the client was closed')
    throw new KafkaError(
      first.type,
      `none of ${[...candidates.keys()].join(', ')} can be used; ${first.message}`,
      {
        cause: first,
      },
    )
  }

  /** Drops every connection; the cluster can be used again afterwards unless it is for good. */
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
    if (this.#closed) throw new KafkaError('CLOSED', 'the client was closed')
    const { background } = this
    return new Link({ ...address, kafka: this.#kafka, logger: this.#logger, background })
  }

  #addressOf(node: number): Address {
    const address = this.#nodes.get(node)
    if (!address) throw new KafkaError('CONNECTION', `broker ${node} is not part of the cluster any more`)
    return address
  }
}

const keyOf = (address: Address) => `${address.host}:${address.port}`

/** `host:port`, `[::1]:port`; the port is 9092 unless given. @throws KafkaError */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text.trim())
  const port = Number(match?.[3] ?? 9092)
  const host = match?.[1] ?? match?.[2]
  if (!host || port < 1 || port > 65_535) {
    throw new KafkaError(
      'CONNECTION',
      `"${text}" is not a broker address: write host:port, such as kafka-1:9092`,
    )
  }
  return { host, port }
}
