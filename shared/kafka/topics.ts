import type { Logger } from '../base/logger.js'
import { ACL_NAMES, type AclGrant, type AclNames, aclsToGrant } from './acls.js'
import { explain, KafkaError } from './errors.js'
import { MIN_RETENTION_MS, type TopicProblem, topicProblems } from './topic-rules.js'
import type { KafkaConfig } from './types.js'
import { requestTopic, topicSettings } from './wire/admin.js'
import { Cluster, type TopicMetadata } from './wire/cluster.js'
import { LATEST, listOffsets } from './wire/offsets.js'

export type { AclGrant } from './acls.js'
export type { TopicProblem } from './topic-rules.js'

export interface NewTopicOptions {
  readonly topic: string
  readonly partitions: number
  /** −1: the brokers' default. */
  readonly replicationFactor: number
  /** Milliseconds, one hour at least. */
  readonly retentionMs: number
}

export interface TopicReport {
  readonly topic: string
  readonly exists: boolean
  readonly partitions: number
  readonly replicationFactor: number
  /** As the brokers have them, defaults included; empty when they may not be read. */
  readonly settings: Readonly<Record<string, string>>
  readonly problems: readonly TopicProblem[]
  /** What each program must be granted where the cluster asks for authorization. */
  readonly acls: readonly AclGrant[]
}

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const LEADERS_WITHIN_MS = 15_000
const MIN_SEGMENT_MS = 600_000

/**
 * Creates a topic for snapshots and waits until every partition can be written.
 *
 * @returns false when it was there already; `checkTopic` tells whether it is fit
 * @throws KafkaError
 */
export async function createTopic(kafka: KafkaConfig, options: NewTopicOptions): Promise<boolean> {
  const { topic, partitions, replicationFactor, retentionMs } = options
  if (retentionMs < MIN_RETENTION_MS) {
    throw new KafkaError(
      'INVALID_CONFIG',
      `a retention of ${retentionMs} ms is too short to replay from: give an hour or more`,
    )
  }
  return withCluster(kafka, async cluster => {
    const settings = {
      'message.timestamp.type': 'LogAppendTime',
      'compression.type': 'uncompressed',
      'cleanup.policy': 'delete',
      'retention.ms': String(retentionMs),
      // Only whole segments are deleted, and one lasts a week unless told otherwise.
      'segment.ms': String(Math.max(MIN_SEGMENT_MS, Math.floor(retentionMs / 6))),
    }
    let created = true
    try {
      const controller = await cluster.controller(topic)
      await requestTopic(
        controller,
        { topic, partitions, replicationFactor, settings },
        cluster.requestTimeout,
      )
    } catch (error) {
      if (explain(error).type !== 'TOPIC_ALREADY_EXISTS') throw error
      created = false
    }
    await whenWritable(cluster, topic)
    return created
  })
}

/**
 * Whether a topic is fit for snapshots. A topic that does not exist is a problem of the report, not an error.
 *
 * @throws KafkaError when the brokers cannot be asked
 */
export async function checkTopic(
  kafka: KafkaConfig,
  topic: string,
  names: Partial<Omit<AclNames, 'topic'>> = {},
): Promise<TopicReport> {
  const acls = aclsToGrant(kafka.brokers, { ...ACL_NAMES, ...names, topic })
  return withCluster(kafka, async cluster => {
    let metadata: TopicMetadata
    try {
      metadata = await cluster.metadata(topic)
    } catch (error) {
      if (explain(error).type !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
      const fix = `kafka-exposer topic create --kafka.brokers=${kafka.brokers.join(',')} --kafka.topic=${topic}`
      const problem: TopicProblem = {
        severity: 'error',
        message: `topic ${topic} does not exist, or this user may not see it`,
        fix,
      }
      return {
        topic,
        exists: false,
        partitions: 0,
        replicationFactor: 0,
        settings: {},
        problems: [problem],
        acls,
      }
    }
    const report = {
      topic,
      exists: true,
      partitions: metadata.partitions.length,
      replicationFactor: Math.min(...metadata.partitions.map(p => p.replicas)),
      acls,
    }
    try {
      const settings = await topicSettings(await cluster.any(), topic, cluster.requestTimeout)
      return {
        ...report,
        settings: Object.fromEntries(settings),
        problems: topicProblems(metadata, settings, kafka.brokers),
      }
    } catch (error) {
      const { type, message } = explain(error)
      if (!type.endsWith('AUTHORIZATION_FAILED')) throw error
      const fix = acls.find(acl => acl.operations.includes('DescribeConfigs'))?.command ?? ''
      return {
        ...report,
        settings: {},
        problems: [{ severity: 'warning', message: `its settings cannot be read: ${message}`, fix }],
      }
    }
  })
}

async function whenWritable(cluster: Cluster, topic: string): Promise<void> {
  const deadline = performance.now() + LEADERS_WITHIN_MS
  while (!(await isWritable(cluster, topic))) {
    if (performance.now() > deadline) {
      throw new KafkaError(
        'LEADER_NOT_AVAILABLE',
        `topic ${topic} was created, but not all of its partitions have a leader: check that enough brokers are up`,
      )
    }
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** Brokers are told of a new topic one after the other, and of who leads before those who do: so these are asked too. */
async function isWritable(cluster: Cluster, topic: string): Promise<boolean> {
  try {
    const { partitions } = await cluster.metadata(topic)
    const leaders = [...new Set(partitions.map(p => p.leader))]
    if (leaders.length === 0 || leaders.includes(-1)) return false
    const ends = await Promise.all(
      leaders.map(leader => {
        const led = new Map(partitions.filter(p => p.leader === leader).map(p => [p.partition, LATEST]))
        return listOffsets(cluster.node(leader), topic, led, cluster.requestTimeout)
      }),
    )
    return ends.flatMap(answer => [...answer.values()]).every(end => typeof end === 'number')
  } catch (error) {
    if (explain(error).type === 'UNKNOWN_TOPIC_OR_PARTITION') return false
    throw error
  }
}

async function withCluster<T>(kafka: KafkaConfig, work: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = new Cluster(kafka, SILENT)
  try {
    return await work(cluster)
  } finally {
    cluster.close()
  }
}
