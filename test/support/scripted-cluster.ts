import type { Cluster, TopicMetadata } from '../../shared/kafka/wire/cluster.js'
import type { FetchedPartition } from '../../shared/kafka/wire/fetch.js'

interface PendingFetch {
  readonly leader: number
  answer(partitions: readonly Partial<FetchedPartition>[]): void
}

/**
 * Brokers whose fetch responses a test controls. Every log begins at offset 0 and ends at the same
 * offset.
 */
export class ScriptedCluster {
  readonly topic = 'scripted'
  readonly requestTimeout = 1_000
  /** Leader by partition. */
  leaders: number[]
  end = 0
  /** Topic id. A new id means that the topic was deleted and created again. */
  id: string | null = null
  /** Fetches without a response. */
  readonly fetches: PendingFetch[] = []

  constructor(leaders: number[]) {
    this.leaders = leaders
  }

  /** This object with the type that a reader expects. */
  get asCluster(): Cluster {
    return this as never
  }

  async metadata(topic: string): Promise<TopicMetadata> {
    const partitions = this.leaders.map((leader, partition) => ({
      partition,
      leader,
      replicas: 1,
      inSync: 1,
    }))
    return { topic, id: this.id, brokers: 2, partitions }
  }

  linkToNode(leader: number) {
    return this.#link(leader)
  }

  openLink(leader: number) {
    return this.#link(leader)
  }

  #link(leader: number) {
    return {
      address: `broker-${leader}`,
      close() {},
      connect: async () => {},
      speaks: () => false,
      call: (api: string, args: unknown) =>
        api === 'ListOffsets' ? Promise.resolve(this.#offsets(args)) : this.#fetch(leader),
    }
  }

  #offsets(args: unknown) {
    const { topics } = args as {
      topics: { partitions: { partition: number; timestamp: number }[] }[]
    }
    const partitions = topics[0]!.partitions.map(({ partition, timestamp }) => ({
      partition,
      errorCode: 0,
      offset: String(timestamp === -1 ? this.end : 0),
    }))
    return { responses: [{ partitions }] }
  }

  #fetch(leader: number): Promise<FetchedPartition[]> {
    return new Promise(resolve => {
      this.fetches.push({
        leader,
        answer: partitions =>
          resolve(
            partitions.map(p => ({
              partition: 0,
              errorCode: 0,
              highWatermark: this.end,
              records: Buffer.alloc(0),
              ...p,
            })),
          ),
      })
    })
  }
}
