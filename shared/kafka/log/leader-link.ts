import { KafkaError } from '../errors.js'
import type { Cluster } from '../wire/cluster.js'
import type { Link } from '../wire/link.js'

/**
 * A connection of its own to the leader of one partition, for requests that wait. Call `drop` after
 * any failed request: the leader is then looked up again.
 */
export class LeaderLink {
  #link: Link | null = null

  constructor(
    private readonly cluster: Cluster,
    private readonly topic: string,
    private readonly partition = 0,
  ) {}

  /** @throws KafkaError */
  async connect(): Promise<Link> {
    if (this.#link?.alive) return this.#link
    this.drop()
    const link = this.cluster.openLink(await leaderOf(this.cluster, this.topic, this.partition))
    this.#link = link
    await link.connect()
    return link
  }

  drop(): void {
    this.#link?.close()
    this.#link = null
  }
}

/**
 * Node id of the leader of a partition.
 *
 * @throws KafkaError
 */
export async function leaderOf(
  cluster: Cluster,
  topic: string,
  partition: number,
): Promise<number> {
  const { partitions } = await cluster.metadata(topic)
  const leader = partitions.find(found => found.partition === partition)?.leader ?? -1
  if (leader >= 0) return leader
  throw new KafkaError(
    'LEADER_NOT_AVAILABLE',
    `partition ${partition} of topic ${topic} has no leader at the moment: check that its brokers are running`,
  )
}
