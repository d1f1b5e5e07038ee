import type { TopicMetadata } from '../wire/cluster.js'

/** What the brokers say of a topic, and how an operator changes it. */
export interface TopicFacts {
  readonly metadata: TopicMetadata
  /** As `DescribeConfigs` answers, defaults included. */
  readonly settings: ReadonlyMap<string, string>
  readonly commands: AdminCommands
}

export interface TopicProblem {
  /** With an error the pipeline gives wrong answers or none; a warning costs something. */
  readonly severity: 'error' | 'warning'
  readonly message: string
  /** The command that mends it. */
  readonly fix: string
  /** It may mend itself: a broker is down. A program that starts waits for it instead of giving up. */
  readonly transient?: true
}

/** One thing that is checked of a topic. Pure; null when nothing is wrong. */
export type TopicRule = (facts: TopicFacts) => TopicProblem | null

/** Kafka's own tools, called for one topic. */
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

export const bootstrapServer = (brokers: readonly string[]): string => brokers[0] ?? 'localhost:9092'

/** A numeric setting; NaN when the brokers do not tell it. */
export function numericSetting({ settings }: TopicFacts, name: string): number {
  return Number(settings.get(name) ?? Number.NaN)
}
