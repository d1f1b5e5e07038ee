import type { Logger } from '../base/logger.js'
import { explain, KafkaError } from './errors.js'
import { adminCommands, type TopicProblem } from './topics/facts.js'
import {
  settingsOf,
  TOPICS,
  type TopicKey,
  type TopicProfile,
  topicProblems,
} from './topics/profiles.js'
import {
  type AclGrant,
  aclsOf,
  createCommand,
  grantCommand,
  type Role,
  type RoleNames,
  topicsOf,
} from './topics/roles.js'
import type { KafkaConfig } from './types.js'
import { requestTopic, topicSettings } from './wire/admin.js'
import { Cluster, type TopicMetadata } from './wire/cluster.js'
import { LATEST, listOffsets } from './wire/offsets.js'

/** Settings of a new topic that override its profile. */
export interface TopicChoices {
  /** Ignored if the profile has a fixed number. */
  readonly partitions?: number
  /**
   * −1, the default: the factor of the profile if there are enough brokers, else the brokers'
   * default.
   */
  readonly replicationFactor?: number
  /** Milliseconds, at least one hour. Ignored if the profile keeps records without a limit. */
  readonly retentionMs?: number
}

export interface NewTopicOptions extends TopicChoices {
  readonly topic: string
  /** Profile of the topic. Default: snapshots. */
  readonly key?: TopicKey
}

export interface TopicReport {
  readonly topic: string
  /** Also false if this user is not authorized to describe it. */
  readonly exists: boolean
  readonly partitions: number
  readonly replicationFactor: number
  /**
   * Settings including the brokers' defaults; empty if this user is not authorized to read them.
   */
  readonly settings: Readonly<Record<string, string>>
  readonly problems: readonly TopicProblem[]
}

/** Topics and ACLs of a program. */
export interface RoleReport {
  readonly topics: readonly TopicReport[]
  /** ACLs that the program needs on a cluster with authorization. */
  readonly acls: readonly AclGrant[]
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const LEADER_TIMEOUT_MS = 15_000

/**
 * Creates the topics of a program according to their profiles.
 *
 * @returns for each topic whether it was created; false if it existed
 * @throws KafkaError
 */
export async function createTopics(
  kafka: KafkaConfig,
  role: Role,
  choices: TopicChoices,
  names: RoleNames = {},
): Promise<{ topic: string; created: boolean }[]> {
  const made: { topic: string; created: boolean }[] = []
  for (const { key, name } of topicsOf(role, names)) {
    made.push({ topic: name, created: await createTopic(kafka, { ...choices, topic: name, key }) })
  }
  return made
}

/**
 * Creates a topic and waits until all its partitions accept writes.
 *
 * @returns false if it existed; `checkTopic` reports whether it is suitable
 * @throws KafkaError
 */
export async function createTopic(kafka: KafkaConfig, options: NewTopicOptions): Promise<boolean> {
  const { topic } = options
  const profile: TopicProfile = TOPICS[options.key ?? 'snapshots']
  const retentionMs = retentionOf(profile, options.retentionMs)
  const { partitions } = profile
  return withCluster(kafka, async cluster => {
    const replicas = await replicasOf(cluster, profile, options)
    let created = true
    try {
      const controller = await cluster.linkToController(topic)
      await requestTopic(
        controller,
        {
          topic,
          partitions: partitions.fixed
            ? partitions.default
            : (options.partitions ?? partitions.default),
          replicationFactor: replicas,
          settings: settingsOf(profile, { retentionMs, replicas }),
        },
        cluster.requestTimeout,
      )
    } catch (error) {
      if (explain(error).type !== 'TOPIC_ALREADY_EXISTS') throw error
      created = false
    }
    await waitUntilWritable(cluster, topic)
    return created
  })
}

/**
 * Checks whether the topics of a program are suitable.
 *
 * @throws KafkaError if the brokers do not respond
 */
export async function checkTopics(
  kafka: KafkaConfig,
  role: Role,
  names: RoleNames = {},
): Promise<RoleReport> {
  const topics = []
  for (const { key, name } of topicsOf(role, names))
    topics.push(await checkTopic(kafka, name, { key, role }))
  return { topics, acls: aclsOf(role, kafka.brokers, names) }
}

/**
 * Checks a topic against a profile, by default that of snapshots. A missing topic is a problem in
 * the report, not an error.
 *
 * @throws KafkaError if the brokers do not respond
 */
export async function checkTopic(
  kafka: KafkaConfig,
  topic: string,
  { key = 'snapshots', role = 'exposer' }: { readonly key?: TopicKey; readonly role?: Role } = {},
): Promise<TopicReport> {
  const { brokers } = kafka
  return withCluster(kafka, async cluster => {
    let metadata: TopicMetadata
    try {
      metadata = await cluster.metadata(topic)
    } catch (error) {
      const { type, message } = explain(error)
      if (type !== 'UNKNOWN_TOPIC_OR_PARTITION' && type !== 'TOPIC_AUTHORIZATION_FAILED')
        throw error
      const problem: TopicProblem =
        type === 'UNKNOWN_TOPIC_OR_PARTITION'
          ? {
              severity: 'error',
              message: `topic ${topic} does not exist, or this user is not authorized to describe it`,
              fix: createCommand(brokers, key, topic),
            }
          : {
              severity: 'error',
              message,
              fix: grantCommand(role, brokers, topic, ['Describe']),
              transient: true,
            }
      return {
        topic,
        exists: false,
        partitions: 0,
        replicationFactor: 0,
        settings: {},
        problems: [problem],
      }
    }
    const report = {
      topic,
      exists: true,
      partitions: metadata.partitions.length,
      replicationFactor: Math.min(...metadata.partitions.map(p => p.replicas)),
    }
    try {
      const settings = await topicSettings(await cluster.anyLink(), topic, cluster.requestTimeout)
      const facts = { metadata, settings, commands: adminCommands(brokers, topic) }
      return {
        ...report,
        settings: Object.fromEntries(settings),
        problems: topicProblems(TOPICS[key], facts),
      }
    } catch (error) {
      const { type, message } = explain(error)
      if (!type.endsWith('AUTHORIZATION_FAILED')) throw error
      const problem: TopicProblem = {
        severity: 'warning',
        message: `cannot read the settings of the topic: ${message}`,
        fix: grantCommand(role, brokers, topic, ['DescribeConfigs']),
      }
      return { ...report, settings: {}, problems: [problem] }
    }
  })
}

/** @throws KafkaError if the retention is too short */
function retentionOf({ retention }: TopicProfile, chosen: number | undefined): number | undefined {
  if (retention === 'unlimited' || chosen === undefined || chosen >= retention.minimum)
    return chosen
  throw new KafkaError(
    'INVALID_CONFIG',
    `a retention of ${chosen} ms is too short for the replay: use an hour or more`,
  )
}

async function replicasOf(
  cluster: Cluster,
  { replication }: TopicProfile,
  { topic, replicationFactor = -1 }: NewTopicOptions,
): Promise<number> {
  if (replicationFactor >= 0 || !replication) return replicationFactor
  return (await cluster.brokerCount(topic)) >= replication.factor
    ? replication.factor
    : replicationFactor
}

async function waitUntilWritable(cluster: Cluster, topic: string): Promise<void> {
  const deadline = performance.now() + LEADER_TIMEOUT_MS
  while (!(await isWritable(cluster, topic))) {
    if (performance.now() > deadline) {
      throw new KafkaError(
        'LEADER_NOT_AVAILABLE',
        `topic ${topic} was created, but some of its partitions have no leader: check that all brokers are running`,
      )
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/**
 * Brokers learn of a new topic one after the other, and of its leaders before those lead: so the
 * leaders are asked too.
 */
async function isWritable(cluster: Cluster, topic: string): Promise<boolean> {
  try {
    const { partitions } = await cluster.metadata(topic)
    const leaders = [...new Set(partitions.map(p => p.leader))]
    if (leaders.length === 0 || leaders.includes(-1)) return false
    const ends = await Promise.all(
      leaders.map(leader => {
        const led = new Map(
          partitions.filter(p => p.leader === leader).map(p => [p.partition, LATEST]),
        )
        return listOffsets(cluster.linkToNode(leader), topic, led, cluster.requestTimeout)
      }),
    )
    return ends.flatMap(response => [...response.values()]).every(end => typeof end === 'number')
  } catch (error) {
    if (explain(error).type === 'UNKNOWN_TOPIC_OR_PARTITION') return false
    throw error
  }
}

async function withCluster<T>(
  kafka: KafkaConfig,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const cluster = new Cluster(kafka, SILENT)
  try {
    return await work(cluster)
  } finally {
    cluster.close()
  }
}
