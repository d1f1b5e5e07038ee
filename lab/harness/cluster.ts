import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { FaultProxy } from './fault-proxy.js'
import type { Scope } from './scope.js'
import { type Usage, usageOf } from './usage.js'

export interface ClusterOptions {
  readonly brokers?: 1 | 3
  /** Starts brokers of its own even if KAFKA_BROKERS is set. Required for faults. */
  readonly own?: boolean
  /** Starts one broker of its own whose clients connect through a fault-injecting proxy. */
  readonly proxied?: boolean
}

/** The Kafka cluster of an experiment. */
export class Cluster {
  #topics = 0

  constructor(
    readonly kafka: LocalKafka,
    /** Bootstrap addresses; those of the proxy if there is one. */
    readonly brokers: readonly string[],
    readonly proxy: FaultProxy | undefined,
  ) {}

  static async start(
    { brokers = 1, own = false, proxied = false }: ClusterOptions,
    scope: Scope,
  ): Promise<Cluster> {
    if (!proxied) {
      const kafka = await startKafka({ brokers, own: own || brokers > 1 })
      scope.defer(() => kafka.stop())
      return new Cluster(kafka, kafka.brokers, undefined)
    }
    const proxy = await FaultProxy.listen()
    scope.defer(() => proxy.close())
    const properties = { 'advertised.listeners': `PLAINTEXT://${proxy.address}` }
    const kafka = await startKafka({ own: true, properties })
    scope.defer(() => kafka.stop())
    proxy.forwardTo(kafka.brokers[0])
    return new Cluster(kafka, [proxy.address], proxy)
  }

  /** CPU and memory of the first broker. */
  usage(): Usage {
    return usageOf(this.kafka.pid)
  }

  /** Creates a topic with a unique name and the settings that the exposer requires. */
  async createTopic(partitions = 12): Promise<string> {
    const topic = `lab.${process.pid}.${Date.now()}.${this.#topics++}`
    const replicationFactor = this.kafka.nodes.length >= 3 ? 3 : 1
    await createTopic(
      { brokers: [...this.brokers] },
      { topic, partitions, replicationFactor, retentionMs: 3_600_000 },
    )
    return topic
  }
}
