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

/** Profile of a topic: the settings with which it is created, and the rules that are checked. */
export interface TopicProfile {
  /** Default name. */
  readonly name: string
  readonly partitions: { readonly default: number; readonly fixed?: true }
  /** Retention, milliseconds. */
  readonly retention: 'unlimited' | { readonly default: number; readonly minimum: number }
  /**
   * For topics whose acknowledged writes must survive the loss of any broker, if there are that
   * many.
   */
  readonly replication?: { readonly factor: number; readonly minInSync: number }
  /** Bytes. Default: the brokers' default. */
  readonly maxMessageBytes?: number
  /** In the order of the reported problems. */
  readonly rules: readonly TopicRule[]
}

const HOUR_MS = 3_600_000
const DEFAULT_PARTITIONS = 12
/** Kafka's default of `max.message.bytes`. */
const DEFAULT_MESSAGE_BYTES = 1_048_588
/** A part of a snapshot has 256 KiB at most; a batch adds some overhead. */
const SNAPSHOT_MESSAGE_BYTES = 300 * 1024
/** A request accepted by a gateway: 16 MiB of body, which the encoding of the record may exceed. */
const PUSH_MESSAGE_BYTES = 20 * 1024 * 1024
/** One of three brokers may be lost without losing an acknowledged write. */
const DURABLE = { factor: 3, minInSync: 2 }

const snapshots: TopicProfile = {
  name: 'metrics.snapshots',
  partitions: { default: DEFAULT_PARTITIONS },
  retention: { default: HOUR_MS, minimum: HOUR_MS },
  rules: [
    appendTime,
    readableCompression,
    retentionOfAtLeast(
      HOUR_MS,
      'so records of the replay window may be missing when a shard starts',
    ),
    notCompacted('compaction removes snapshots that shards have to replay'),
    noRetentionBytes('warning', 'which can be less than an hour of snapshots'),
    messagesOfAtLeast(
      SNAPSHOT_MESSAGE_BYTES,
      DEFAULT_MESSAGE_BYTES,
      'a part of a snapshot can have 256 KiB',
    ),
    severalPartitions(DEFAULT_PARTITIONS),
    everyPartitionLed,
    writable,
    replicated(2),
  ],
}

/** Input log of a state machine: only gateways delete from it, by DeleteRecords. */
const pushLog = (name: string, contents: string): TopicProfile => ({
  name,
  partitions: { default: 1, fixed: true },
  retention: 'unlimited',
  replication: DURABLE,
  maxMessageBytes: PUSH_MESSAGE_BYTES,
  rules: [
    appendTime,
    readableCompression,
    unlimitedRetention(
      'which loses older pushes: gateways delete the records that they no longer need',
    ),
    notCompacted('compaction removes records that gateways have to apply'),
    noRetentionBytes(
      'error',
      'which loses older pushes: gateways delete the records that they no longer need',
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
    retentionOfAtLeast(HOUR_MS, 'so a receiver that is down for longer loses samples'),
    notCompacted('compaction removes samples before they are read'),
    noRetentionBytes('warning', 'which can be less than an hour of samples'),
    messagesOfAtLeast(
      1_000_000,
      DEFAULT_MESSAGE_BYTES,
      'a request of one target can have a megabyte',
    ),
    severalPartitions(DEFAULT_PARTITIONS),
    everyPartitionLed,
    writable,
    replicated(DURABLE.factor),
    acknowledgedBy(DURABLE.minInSync),
  ],
}

/** Every topic of the pipeline. */
export const TOPICS = {
  /** Snapshots: written by publishers, agents and gateways, read by exposers. */
  snapshots,
  /** Requests accepted by gateways, in one total order. */
  pushes: pushLog('metrics.pushes', 'a push can have 16 MiB'),
  /** State of the gateways at an offset of `pushes`, in chunks. */
  pushSnapshots: pushLog(
    'metrics.pushes.snapshots',
    'a chunk of the state can be as large as a push',
  ),
  /** Remote write requests, each with the samples of one target. */
  writes,
} satisfies Readonly<Record<string, TopicProfile>>

export type TopicKey = keyof typeof TOPICS

/** Problems of a topic according to its profile. Pure. */
export function topicProblems(profile: TopicProfile, facts: TopicFacts): TopicProblem[] {
  return profile.rules.flatMap(rule => rule(facts) ?? [])
}

const MIN_SEGMENT_MS = 600_000

/**
 * Settings of a new topic.
 *
 * @param retentionMs ignored if the profile keeps records without a limit
 * @param replicas number of replicas of each partition; −1 if the brokers' default applies
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
    // Kafka deletes only whole segments, and by default rolls a segment after a week.
    ...(ms < 0 ? {} : { 'segment.ms': String(Math.max(MIN_SEGMENT_MS, Math.floor(ms / 6))) }),
    ...(maxMessageBytes === undefined ? {} : { 'max.message.bytes': String(maxMessageBytes) }),
    ...(replication && replicas >= replication.factor
      ? { 'min.insync.replicas': String(replication.minInSync) }
      : {}),
  }
}
