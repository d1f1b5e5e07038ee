import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { FaultProxy } from './fault-proxy.js'
import type { Scope } from './scope.js'
import { type Usage, usageOf } from './usage.js'

export interface ClusterOptions {
  readonly brokers?: 1 | 3
  /** To be broken: never one of KAFKA_BROKERS. */
  readonly own?: boolean
  /** Everybody reaches its one broker over a wire that can be cut. */
  readonly proxied?: boolean
}

/** A Kafka of an experiment. */
export class Cluster {
  #topics = 0

  constructor(
    readonly kafka: LocalKafka,
    readonly brokers: readonly string[],
    readonly wire: FaultProxy | undefined,
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
    const wire = await FaultProxy.listen()
    scope.defer(() => wire.close())
    const properties = { 'advertised.listeners': `PLAINTEXT://${wire.address}` }
    const kafka = await startKafka({ own: true, properties })
    scope.defer(() => kafka.stop())
    wire.to(kafka.brokers[0])
    return new Cluster(kafka, [wire.address], wire)
  }

  /** Of its first broker. */
  usage(): Usage {
    return usageOf(this.kafka.pid)
  }

  /** A new topic as the exposer wants it. */
  async topic(partitions = 12): Promise<string> {
    const topic = `lab.${process.pid}.${Date.now()}.${this.#topics++}`
    const replicationFactor = this.kafka.nodes.length >= 3 ? 3 : 1
    await createTopic(
      { brokers: [...this.brokers] },
      { topic, partitions, replicationFactor, retentionMs: 3_600_000 },
    )
    return topic
  }
}
