import type { TopicFacts, TopicProblem, TopicRule } from './facts.js'
import {
  acknowledgedBy,
  everyPartitionLed,
  onePartition,
  replicated,
  severalPartitions,
  writable,
} from './layout-rules.js'
import {
  appendTime,
  messagesOfAtLeast,
  noRetentionBytes,
  notCompacted,
  readableCompression,
  retentionOfAtLeast,
  unlimitedRetention,
} from './setting-rules.js'

/** A topic that the programs use: how it is created, and what is checked of it. */
export interface TopicProfile {
  /** Unless configured otherwise. */
  readonly name: string
  readonly partitions: { readonly default: number; readonly fixed?: true }
  /** How long records are kept, milliseconds. */
  readonly retention: 'unlimited' | { readonly default: number; readonly minimum: number }
  /** For topics whose acknowledged writes must survive any one broker, where there are that many brokers. */
  readonly replication?: { readonly factor: number; readonly minInSync: number }
  /** Bytes; the brokers' default without it. */
  readonly maxMessageBytes?: number
  /** In the order in which problems are reported. */
  readonly rules: readonly TopicRule[]
}

const HOUR_MS = 3_600_000
const DEFAULT_PARTITIONS = 12
/** Kafka's own default of `max.message.bytes`. */
const DEFAULT_MESSAGE_BYTES = 1_048_588
/** A part of a snapshot is 256 KiB at most, and a batch takes some more. */
const SNAPSHOT_MESSAGE_BYTES = 300 * 1024
/** An accepted request of a gateway: 16 MiB of body, which the record's encoding may exceed. */
const PUSH_MESSAGE_BYTES = 20 * 1024 * 1024
/** Any one of three brokers may be lost without an acknowledged write. */
const DURABLE = { factor: 3, minInSync: 2 }

const snapshots: TopicProfile = {
  name: 'metrics.snapshots',
  partitions: { default: DEFAULT_PARTITIONS },
  retention: { default: HOUR_MS, minimum: HOUR_MS },
  rules: [
    appendTime,
    readableCompression,
    retentionOfAtLeast(HOUR_MS, 'so that a shard may find its replay window gone'),
    notCompacted('compaction takes snapshots away while they are replayed'),
    noRetentionBytes('warning', 'which may be less than an hour of snapshots'),
    messagesOfAtLeast(SNAPSHOT_MESSAGE_BYTES, DEFAULT_MESSAGE_BYTES, 'a part of a snapshot may have 256 KiB'),
    severalPartitions(DEFAULT_PARTITIONS),
    everyPartitionLed,
    writable,
    replicated(2),
  ],
}

/** A log that is a state machine's input: nothing of it may go but what a gateway deletes by DeleteRecords. */
const pushLog = (name: string, contents: string): TopicProfile => ({
  name,
  partitions: { default: 1, fixed: true },
  retention: 'unlimited',
  replication: DURABLE,
  maxMessageBytes: PUSH_MESSAGE_BYTES,
  rules: [
    appendTime,
    readableCompression,
    unlimitedRetention('which loses what was pushed before: gateways delete what they do not need any more'),
    notCompacted('compaction takes away what gateways have to apply'),
    noRetentionBytes(
      'error',
      'which loses what was pushed before: gateways delete what they do not need any more',
    ),
    messagesOfAtLeast(PUSH_MESSAGE_BYTES, PUSH_MESSAGE_BYTES, contents),
    onePartition,
    everyPartitionLed,
    writable,
    replicated(DURABLE.factor),
    acknowledgedBy(DURABLE.minInSync),
  ],
})

const writes: TopicProfile = {
  name: 'metrics.writes',
  partitions: { default: DEFAULT_PARTITIONS },
  retention: { default: 24 * HOUR_MS, minimum: HOUR_MS },
  replication: DURABLE,
  rules: [
    appendTime,
    readableCompression,
    retentionOfAtLeast(HOUR_MS, 'which is all that a receiver may be away without a loss'),
    notCompacted('compaction takes samples away before they are read'),
    noRetentionBytes('warning', 'which may be less than an hour of samples'),
    messagesOfAtLeast(1_000_000, DEFAULT_MESSAGE_BYTES, 'a request of one target may have a megabyte'),
    severalPartitions(DEFAULT_PARTITIONS),
    everyPartitionLed,
    writable,
    replicated(DURABLE.factor),
    acknowledgedBy(DURABLE.minInSync),
  ],
}

/** Every topic of the pipeline. */
export const TOPICS = {
  /** What publishers, agents and gateways write and exposers read. */
  snapshots,
  /** The requests that gateways have accepted, in one total order. */
  pushes: pushLog('metrics.pushes', 'a push may have 16 MiB'),
  /** The state of the gateways at an offset of the log before, in chunks. */
  pushSnapshots: pushLog('metrics.pushes.snapshots', 'a chunk of a snapshot may be as large as a push'),
  /** Remote write requests, one target each. */
  writes,
} satisfies Readonly<Record<string, TopicProfile>>

export type TopicKey = keyof typeof TOPICS

/** What stands in the way of using a topic as its profile says. Pure. */
export function topicProblems(profile: TopicProfile, facts: TopicFacts): TopicProblem[] {
  return profile.rules.flatMap(rule => rule(facts) ?? [])
}

const MIN_SEGMENT_MS = 600_000

/**
 * The settings that a new topic is created with.
 *
 * @param retentionMs ignored where the profile keeps records without a limit
 * @param replicas as many as each partition gets; −1 when the brokers' default decides
 */
export function settingsOf(
  profile: TopicProfile,
  { retentionMs, replicas }: { readonly retentionMs?: number; readonly replicas: number },
): Record<string, string> {
  const { retention, replication, maxMessageBytes } = profile
  const ms = retention === 'unlimited' ? -1 : (retentionMs ?? retention.default)
  return {
    'message.timestamp.type': 'LogAppendTime',
    'compression.type': 'uncompressed',
    'cleanup.policy': 'delete',
    'retention.ms': String(ms),
    // Only whole segments are deleted, and one lasts a week unless told otherwise.
    ...(ms < 0 ? {} : { 'segment.ms': String(Math.max(MIN_SEGMENT_MS, Math.floor(ms / 6))) }),
    ...(maxMessageBytes === undefined ? {} : { 'max.message.bytes': String(maxMessageBytes) }),
    ...(replication && replicas >= replication.factor
      ? { 'min.insync.replicas': String(replication.minInSync) }
      : {}),
  }
}
