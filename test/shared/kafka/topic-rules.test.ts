import { describe, expect, test } from 'vitest'
import { COMPRESSION_TYPES, inflate, READABLE_CODECS } from '../../../shared/kafka/codecs.js'
import { adminCommands } from '../../../shared/kafka/topics/facts.js'
import {
  settingsOf,
  TOPICS,
  type TopicKey,
  topicProblems,
} from '../../../shared/kafka/topics/profiles.js'
import { foreignCodecs } from '../../support/foreign-codecs.js'

/** Default settings of the brokers. */
const defaults = {
  'retention.bytes': '-1',
  'max.message.bytes': '1048588',
  'min.insync.replicas': '1',
}

const metadata = (partitions: number, replicas = 1, brokers = 1) => ({
  topic: 'metrics.snapshots',
  id: null,
  brokers,
  partitions: Array.from({ length: partitions }, (_, partition) => ({
    partition,
    leader: 1,
    replicas,
    inSync: replicas,
  })),
})

function problemsOf(
  key: TopicKey,
  settings: Record<string, string>,
  of: ReturnType<typeof metadata>,
) {
  const replicas = Math.min(...of.partitions.map(p => p.replicas))
  const all = { ...defaults, ...settingsOf(TOPICS[key], { replicas }), ...settings }
  const { name } = TOPICS[key]
  return topicProblems(TOPICS[key], {
    metadata: { ...of, topic: name },
    settings: new Map(Object.entries(all)),
    commands: adminCommands(['kafka-1:9092'], name),
  })
}

const check = (settings: Record<string, string> = {}, of = metadata(12)) =>
  problemsOf('snapshots', settings, of)

test.each(Object.keys(TOPICS) as TopicKey[])(
  '%s has no problems as created by its profile',
  key => {
    const { partitions } = TOPICS[key]
    expect(problemsOf(key, {}, metadata(partitions.default, 1, 1))).toEqual([])
    expect(problemsOf(key, {}, metadata(partitions.default, 3, 3))).toEqual([])
  },
)

/** Severity of zstd, which depends on the version of Node.js. */
const zstd = READABLE_CODECS.has('zstd') ? 'warning' : 'error'

test.each([
  [
    'snapshots',
    'message.timestamp.type',
    'CreateTime',
    'error',
    'message.timestamp.type=LogAppendTime',
  ],
  ['snapshots', 'compression.type', 'zstd', zstd, 'compression.type=uncompressed'],
  ['snapshots', 'compression.type', 'lz4', 'error', 'compression.type=uncompressed'],
  ['snapshots', 'compression.type', 'snappy', 'warning', 'compression.type=uncompressed'],
  ['snapshots', 'compression.type', 'gzip', 'warning', 'compression.type=uncompressed'],
  ['snapshots', 'compression.type', 'producer', 'warning', 'compression.type=uncompressed'],
  ['snapshots', 'retention.ms', '60000', 'error', 'retention.ms=3600000'],
  ['snapshots', 'retention.bytes', '1000000', 'warning', 'retention.bytes=-1'],
  ['snapshots', 'cleanup.policy', 'compact', 'error', 'cleanup.policy=delete'],
  ['snapshots', 'max.message.bytes', '100000', 'error', 'max.message.bytes=1048588'],
  [
    'pushes',
    'message.timestamp.type',
    'CreateTime',
    'error',
    'message.timestamp.type=LogAppendTime',
  ],
  ['pushes', 'compression.type', 'lz4', 'error', 'compression.type=uncompressed'],
  ['pushes', 'retention.ms', '604800000', 'error', 'retention.ms=-1'],
  ['pushes', 'retention.bytes', '1000000', 'error', 'retention.bytes=-1'],
  ['pushes', 'cleanup.policy', 'delete,compact', 'error', 'cleanup.policy=delete'],
  ['pushes', 'max.message.bytes', '1048588', 'error', 'max.message.bytes=20971520'],
  ['pushSnapshots', 'retention.ms', '604800000', 'error', 'retention.ms=-1'],
  ['pushSnapshots', 'max.message.bytes', '1048588', 'error', 'max.message.bytes=20971520'],
  [
    'writes',
    'message.timestamp.type',
    'CreateTime',
    'error',
    'message.timestamp.type=LogAppendTime',
  ],
  ['writes', 'retention.ms', '60000', 'error', 'retention.ms=3600000'],
  ['writes', 'cleanup.policy', 'compact', 'error', 'cleanup.policy=delete'],
] as const)(
  '%s: %s=%s is reported with the command that fixes it',
  (key, setting, value, severity, fixed) => {
    const [problem, ...others] = problemsOf(
      key,
      { [setting]: value },
      metadata(TOPICS[key].partitions.default),
    )
    expect(others).toEqual([])
    expect(problem).toMatchObject({ severity })
    expect(problem!.fix).toContain(
      `kafka-configs.sh --bootstrap-server kafka-1:9092 --alter --entity-type topics --entity-name ${TOPICS[key].name} `,
    )
    expect(problem!.fix).toContain(fixed)
  },
)

test('the check reports an error for exactly the codecs that cannot be decompressed', async () => {
  for (const [type, codec] of COMPRESSION_TYPES.entries()) {
    const compress = foreignCodecs[(type + 1) as keyof typeof foreignCodecs]
    const readable = await inflate(type + 1, compress(Buffer.from('a record')), 1_000).then(
      () => true,
      () => false,
    )
    const [problem] = check({ 'compression.type': codec })
    expect([codec, problem!.severity]).toEqual([codec, readable ? 'warning' : 'error'])
  }
})

test('unlimited retention is accepted', () => {
  expect(check({ 'retention.ms': '-1' })).toEqual([])
})

test('a partition without a leader, or too few replicas for min.insync.replicas, is an error', () => {
  const broken = metadata(2)
  expect(
    check(
      {},
      { ...broken, partitions: broken.partitions.map((p, i) => (i ? { ...p, leader: -1 } : p)) },
    ),
  ).toMatchObject([
    {
      severity: 'error',
      message: expect.stringContaining('partitions 1 have no leader'),
      transient: true,
    },
  ])
  expect(check({ 'min.insync.replicas': '2' })).toMatchObject([{ severity: 'error' }])
})

test('one partition, or one replica on several brokers, is a warning', () => {
  expect(check({}, metadata(1))).toMatchObject([
    { severity: 'warning', fix: expect.stringContaining('--partitions 12') },
  ])
  expect(check({}, metadata(12, 1, 3))).toMatchObject([{ severity: 'warning' }])
})

describe('a log of pushes', () => {
  test('with two partitions is an error, because it has no total order', () => {
    expect(problemsOf('pushes', {}, metadata(2))).toMatchObject([
      { severity: 'error', message: expect.stringContaining('one total order') },
    ])
  })

  test('needs three replicas and min.insync.replicas=2 if there are three brokers', () => {
    expect(problemsOf('pushes', {}, metadata(1, 2, 3))).toMatchObject([
      { severity: 'warning', fix: expect.stringContaining('kafka-reassign-partitions.sh') },
    ])
    expect(problemsOf('pushes', { 'min.insync.replicas': '1' }, metadata(1, 3, 3))).toMatchObject([
      { severity: 'warning', fix: expect.stringContaining('min.insync.replicas=2') },
    ])
    expect(problemsOf('pushes', {}, metadata(1, 2, 2))).toEqual([])
  })
})
