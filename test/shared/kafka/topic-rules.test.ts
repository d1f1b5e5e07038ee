import { expect, test } from 'vitest'
import { ACL_NAMES, aclsToGrant } from '../../../shared/kafka/acls.js'
import { topicProblems } from '../../../shared/kafka/topic-rules.js'

const good = {
  'message.timestamp.type': 'LogAppendTime',
  'compression.type': 'uncompressed',
  'cleanup.policy': 'delete',
  'retention.ms': '3600000',
  'retention.bytes': '-1',
  'max.message.bytes': '1048588',
  'min.insync.replicas': '1',
}

const metadata = (partitions: number, replicas = 1, brokers = 1) => ({
  topic: 'metrics.snapshots',
  brokers,
  partitions: Array.from({ length: partitions }, (_, partition) => ({
    partition,
    leader: 1,
    replicas,
    inSync: replicas,
  })),
})

const check = (settings: Record<string, string> = {}, of = metadata(12)) =>
  topicProblems(of, new Map(Object.entries({ ...good, ...settings })), ['kafka-1:9092'])

test('a topic as it should be has no problems', () => {
  expect(check()).toEqual([])
})

test.each([
  ['message.timestamp.type', 'CreateTime', 'error', 'message.timestamp.type=LogAppendTime'],
  ['compression.type', 'zstd', 'error', 'compression.type=uncompressed'],
  ['compression.type', 'snappy', 'error', 'compression.type=uncompressed'],
  ['compression.type', 'gzip', 'warning', 'compression.type=uncompressed'],
  ['compression.type', 'producer', 'warning', 'compression.type=uncompressed'],
  ['retention.ms', '60000', 'error', 'retention.ms=3600000'],
  ['retention.bytes', '1000000', 'warning', 'retention.bytes=-1'],
  ['cleanup.policy', 'compact', 'error', 'cleanup.policy=delete'],
  ['max.message.bytes', '100000', 'error', 'max.message.bytes=1048588'],
])('%s=%s is found, with the command that mends it', (setting, value, severity, mended) => {
  const [problem, ...others] = check({ [setting]: value })
  expect(others).toEqual([])
  expect(problem).toMatchObject({ severity })
  expect(problem!.fix).toMatch(
    /^kafka-configs\.sh --bootstrap-server kafka-1:9092 .*--entity-name metrics\.snapshots/,
  )
  expect(problem!.fix).toContain(mended)
})

test('endless retention is not short', () => {
  expect(check({ 'retention.ms': '-1' })).toEqual([])
})

test('a partition without a leader, and more replicas asked for than there are, stop writes', () => {
  const broken = metadata(2)
  expect(
    check({}, { ...broken, partitions: broken.partitions.map((p, i) => (i ? { ...p, leader: -1 } : p)) }),
  ).toMatchObject([{ severity: 'error', message: expect.stringContaining('partitions 1 have no leader') }])
  expect(check({ 'min.insync.replicas': '2' })).toMatchObject([{ severity: 'error' }])
})

test('one partition, or one replica where there could be more, is a warning', () => {
  expect(check({}, metadata(1))).toMatchObject([
    { severity: 'warning', fix: expect.stringContaining('--partitions 12') },
  ])
  expect(check({}, metadata(12, 1, 3))).toMatchObject([{ severity: 'warning' }])
})

test('each program is granted what it needs and nothing that creates or deletes', () => {
  const acls = aclsToGrant(['kafka-1:9092'], ACL_NAMES)
  expect(new Set(acls.map(acl => acl.who))).toEqual(new Set(['publisher', 'exposer', 'gateway']))
  expect(acls.flatMap(acl => acl.operations).filter(o => /Create|Delete|Alter|All/.test(o))).toEqual([])
  expect(acls[0]!.command).toBe(
    'kafka-acls.sh --bootstrap-server kafka-1:9092 --add --allow-principal User:<publisher> --operation Write --operation Describe --topic metrics.snapshots',
  )
})
