import type { TopicMetadata } from './wire/cluster.js'

export interface TopicProblem {
  /** With an error the pipeline gives wrong answers or none; a warning costs something. */
  readonly severity: 'error' | 'warning'
  readonly message: string
  /** The command that mends it. */
  readonly fix: string
  /** It may mend itself: a broker is down. Whoever starts waits for it instead of giving up. */
  readonly passing?: true
}

export const MIN_RETENTION_MS = 3_600_000
/** A part of a snapshot is 256 KiB at most, and a batch takes some more. */
const MIN_MESSAGE_BYTES = 300 * 1024
const UNREADABLE_CODECS = ['snappy', 'lz4', 'zstd']

/** What stands in the way of using a topic for snapshots. Pure. */
export function topicProblems(
  metadata: TopicMetadata,
  settings: ReadonlyMap<string, string>,
  brokers: readonly string[],
): TopicProblem[] {
  const { topic } = metadata
  const server = brokers[0] ?? 'localhost:9092'
  const problems: TopicProblem[] = []
  const report = (severity: TopicProblem['severity'], message: string, fix: string) =>
    problems.push({ severity, message, fix })
  const set = (setting: string) =>
    `kafka-configs.sh --bootstrap-server ${server} --alter --entity-type topics --entity-name ${topic} --add-config ${setting}`
  const number = (name: string) => Number(settings.get(name) ?? Number.NaN)

  if (settings.get('message.timestamp.type') !== 'LogAppendTime') {
    report(
      'error',
      'records carry the time of their producers: one clock that is a minute fast makes a whole partition look stale',
      set('message.timestamp.type=LogAppendTime'),
    )
  }
  const codec = settings.get('compression.type') ?? 'producer'
  if (UNREADABLE_CODECS.includes(codec)) {
    report(
      'error',
      `the brokers compress with ${codec}, which exposers do not read`,
      set('compression.type=uncompressed'),
    )
  } else if (codec !== 'uncompressed') {
    report(
      'warning',
      codec === 'producer'
        ? 'records are stored as producers compressed them: gzip halves the rate at which exposers read, other codecs are refused'
        : `the brokers compress with ${codec}, which halves the rate at which exposers read`,
      set('compression.type=uncompressed'),
    )
  }
  const retention = number('retention.ms')
  if (retention >= 0 && retention < MIN_RETENTION_MS) {
    report(
      'error',
      `records are deleted after ${retention / 1000} s, so that a shard may find its replay window gone`,
      set(`retention.ms=${MIN_RETENTION_MS}`),
    )
  }
  const policy = settings.get('cleanup.policy') ?? 'delete'
  if (policy.includes('compact')) {
    report(
      'error',
      `cleanup.policy is ${policy}: compaction takes snapshots away while they are replayed`,
      set('cleanup.policy=delete'),
    )
  }
  if (number('retention.bytes') >= 0) {
    report(
      'warning',
      `partitions are cut at ${number('retention.bytes')} bytes, which may be less than an hour of snapshots`,
      set('retention.bytes=-1'),
    )
  }
  if (number('max.message.bytes') < MIN_MESSAGE_BYTES) {
    report(
      'error',
      `records of more than ${number('max.message.bytes')} bytes are refused, but a part of a snapshot may have 256 KiB`,
      set('max.message.bytes=1048588'),
    )
  }
  return [...problems, ...layoutProblems(metadata, number('min.insync.replicas'), server)]
}

function layoutProblems(
  { topic, partitions, brokers }: TopicMetadata,
  minInSync: number,
  server: string,
): TopicProblem[] {
  const problems: TopicProblem[] = []
  const replicas = Math.min(...partitions.map(p => p.replicas))
  const alter = `kafka-topics.sh --bootstrap-server ${server} --alter --topic ${topic}`
  const reassign = `kafka-reassign-partitions.sh --bootstrap-server ${server} --reassignment-json-file <file> --execute`
  const describe = `kafka-topics.sh --bootstrap-server ${server} --describe --topic ${topic}`
  if (partitions.length < 2) {
    problems.push({
      severity: 'warning',
      message: 'there is one partition only, so that no second shard can help',
      fix: `${alter} --partitions 12`,
    })
  }
  const leaderless = partitions.filter(p => p.leader < 0).map(p => p.partition)
  if (leaderless.length > 0) {
    problems.push({
      severity: 'error',
      message: `partitions ${leaderless.join(', ')} have no leader: a broker is missing`,
      fix: describe,
      passing: true,
    })
  }
  if (minInSync > replicas) {
    problems.push({
      severity: 'error',
      message: `every write is refused: min.insync.replicas is ${minInSync}, but there are ${replicas} replicas`,
      fix: reassign,
    })
  }
  if (replicas < 2 && brokers > 1) {
    problems.push({
      severity: 'warning',
      message: 'each partition is on one broker only, and gone while that is down',
      fix: reassign,
    })
  }
  return problems
}
