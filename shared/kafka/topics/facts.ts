import type { TopicMetadata } from '../wire/cluster.js'

/** State of a topic as the brokers report it, and the commands that change it. */
export interface TopicFacts {
  readonly metadata: TopicMetadata
  /** Result of DescribeConfigs, defaults included. */
  readonly settings: ReadonlyMap<string, string>
  readonly commands: AdminCommands
}

export interface TopicProblem {
  /** `error`: the results are wrong or missing. `warning`: it costs performance or availability. */
  readonly severity: 'error' | 'warning'
  readonly message: string
  /** The command that fixes it. */
  readonly fix: string
  /**
   * May disappear by itself, for example when a broker returns. A starting program waits for that.
   */
  readonly transient?: true
}

/** A check of a topic. Pure; null if there is no problem. */
export type TopicRule = (facts: TopicFacts) => TopicProblem | null

/** Commands of Kafka's tools for one topic. */
export interface AdminCommands {
  /** @param setting `name=value` */
  set(setting: string): string
  addPartitions(count: number): string
  readonly reassign: string
  readonly describe: string
}

export function adminCommands(brokers: readonly string[], topic: string): AdminCommands {
  const server = bootstrapServer(brokers)
  return {
    set: setting =>
      `kafka-configs.sh --bootstrap-server ${server} --alter --entity-type topics --entity-name ${topic} --add-config ${setting}`,
    addPartitions: count =>
      `kafka-topics.sh --bootstrap-server ${server} --alter --topic ${topic} --partitions ${count}`,
    reassign: `kafka-reassign-partitions.sh --bootstrap-server ${server} --reassignment-json-file <file> --execute`,
    describe: `kafka-topics.sh --bootstrap-server ${server} --describe --topic ${topic}`,
  }
}

export const bootstrapServer = (brokers: readonly string[]): string =>
  brokers[0] ?? 'localhost:9092'

/** A numeric setting; NaN if the brokers do not report it. */
export function numericSetting({ settings }: TopicFacts, name: string): number {
  return Number(settings.get(name) ?? Number.NaN)
}
