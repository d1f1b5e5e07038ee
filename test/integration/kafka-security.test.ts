import kafkajs from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { createSender } from '../../shared/kafka/sender.js'
import { tailTopic } from '../../shared/kafka/tail.js'
import {
  type AclGrant,
  aclsOf,
  type Role,
  type RoleNames,
} from '../../shared/kafka/topics/roles.js'
import { checkTopic, checkTopics, createTopic, createTopics } from '../../shared/kafka/topics.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import { eventually } from '../support/eventually.js'
import { name, silent, TestMembers } from '../support/kafka.js'

const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
  Kafka,
  logLevel,
} = kafkajs
const USERS = {
  admin: 'admin-secret',
  producer: 'producer-secret',
  exposer: 'exposer-secret',
  gateway: 'gateway-secret',
  agent: 'agent-secret',
  nobody: 'nobody-secret',
}
const passwords = Object.entries(USERS).map(([user, password]) => `user_${user}="${password}"`)
const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="${USERS.admin}" ${passwords.join(' ')};`

let kafka: LocalKafka
const members = new TestMembers()
beforeAll(async () => {
  kafka = await startKafka({
    own: true,
    properties: {
      'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_PLAINTEXT',
      'sasl.enabled.mechanisms': 'PLAIN',
      'sasl.mechanism.inter.broker.protocol': 'PLAIN',
      'listener.name.plaintext.plain.sasl.jaas.config': jaas,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:admin;User:ANONYMOUS',
    },
  })
})
afterEach(() => members.stopAll())
afterAll(() => kafka?.stop())

const as = (username: keyof typeof USERS, password = USERS[username]): KafkaConfig => ({
  brokers: kafka.brokers,
  sasl: { mechanism: 'plain', username, password },
})

async function newTopic(): Promise<string> {
  const topic = name('guarded')
  await createTopic(as('admin'), {
    topic,
    partitions: 2,
    replicationFactor: 1,
    retentionMs: 3_600_000,
  })
  return topic
}

/** Creates the ACLs of a report, as its commands would. */
async function grant(acls: readonly AclGrant[]): Promise<void> {
  const admin = new Kafka({
    brokers: kafka.brokers,
    logLevel: logLevel.NOTHING,
    sasl: { mechanism: 'plain', username: 'admin', password: USERS.admin },
  }).admin()
  await admin.connect()
  const operation = {
    Read: AclOperationTypes.READ,
    Write: AclOperationTypes.WRITE,
    Describe: AclOperationTypes.DESCRIBE,
    DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
    Delete: AclOperationTypes.DELETE,
  }
  await admin.createAcls({
    acl: acls.flatMap(acl =>
      acl.operations.map(o => ({
        resourceType: acl.resource === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
        resourceName: acl.name,
        resourcePatternType:
          acl.pattern === 'literal' ? ResourcePatternTypes.LITERAL : ResourcePatternTypes.PREFIXED,
        principal: `User:${acl.who}`,
        host: '*',
        operation: operation[o as keyof typeof operation],
        permissionType: AclPermissionTypes.ALLOW,
      })),
    ),
  })
  await admin.disconnect()
}

const grantAll = (role: Role, names: RoleNames) => grant(aclsOf(role, kafka.brokers, names))

async function send(role: keyof typeof USERS, topic: string, text: string): Promise<void> {
  const sender = createSender({ kafka: as(role), topic, logger: silent, sendTimeout: 5_000 })
  try {
    await eventually(() => sender.send(Buffer.from('job\0api\0'), [Buffer.from(text)]))
  } finally {
    await sender.disconnect()
  }
}

test('the ACLs that the check lists suffice for a producer, an agent and an exposer', async () => {
  const topic = await newTopic()
  const names = { topics: { snapshots: topic }, group: name('group') }
  for (const role of ['producer', 'agent', 'exposer'] as const) {
    const { topics, acls } = await checkTopics(as('admin'), role, names)
    expect(topics).toMatchObject([{ topic, problems: [] }])
    await grant(acls)
  }

  await send('producer', topic, 'of a producer')
  await send('agent', topic, 'of an agent')
  const { listener, held, consumer } = await members.start({
    topic,
    group: names.group,
    kafka: as('exposer'),
  })
  await eventually(() => expect(held()).toEqual([0, 1]))
  await eventually(() => {
    const values = listener.records.map(r => r.record.value?.toString())
    expect(values).toEqual(expect.arrayContaining(['of a producer', 'of an agent']))
  })
  expect((await consumer.describeGroup()).members).toHaveLength(1)
  expect((await checkTopic(as('exposer'), topic)).problems).toEqual([])
})

test('a producer may not read, and its check names the ACL that it needs to see the settings', async () => {
  const topic = await newTopic()
  await grantAll('producer', { topics: { snapshots: topic } })
  await send('producer', topic, 'mine')
  const errors: string[] = []
  const { stop } = await tailTopic(
    as('producer'),
    topic,
    { from: 'earliest', onError: error => errors.push(error.message) },
    () => {},
  )
  await eventually(() =>
    expect(errors).toContainEqual(expect.stringContaining(`not authorized to use topic ${topic}`)),
  )
  await stop()
  // A publisher then does not look for others with its labels, and has no other disadvantage.
  const own = createSender({ kafka: as('producer'), topic, logger: silent, sendTimeout: 5_000 })
  await own.send(Buffer.from('key'), [Buffer.from('own')])
  expect(own.lastWrite(Buffer.from('key'))).toMatchObject({ offset: expect.any(Number) })
  await expect(own.readBack(Buffer.from('key'), 0, 1000)).rejects.toMatchObject({
    type: 'TOPIC_AUTHORIZATION_FAILED',
  })
  await own.disconnect()
  const { problems } = await checkTopic(as('producer'), topic, { role: 'producer' })
  expect(problems).toMatchObject([
    {
      severity: 'warning',
      fix: expect.stringMatching(/User:<producer> --operation DescribeConfigs --topic/),
    },
  ])
})

test('the ACLs of a gateway suffice to write, read and truncate its logs and to join its groups', async () => {
  const names = {
    topics: {
      snapshots: name('snapshots'),
      pushes: name('pushes'),
      pushSnapshots: name('push-snapshots'),
      writes: name('writes'),
    },
    group: name('gateway'),
  }
  const { snapshots, pushes, pushSnapshots, writes } = names.topics
  await createTopics(as('admin'), 'gateway', { partitions: 2 }, names)
  const ungranted = await checkTopics(as('gateway'), 'gateway', names)
  expect(ungranted.topics.flatMap(({ problems }) => problems)).toMatchObject(
    Object.values(names.topics).map(topic => ({
      severity: 'error',
      message: expect.stringContaining(`not authorized to use topic ${topic}`),
      fix: expect.stringContaining(`User:<gateway> --operation Describe --topic ${topic}`),
    })),
  )
  await grantAll('gateway', names)

  for (const topic of Object.values(names.topics)) await send('gateway', topic, `to ${topic}`)
  const checked = await checkTopics(as('gateway'), 'gateway', names)
  expect(
    checked.topics.map(({ topic, problems }) => [topic, problems.map(p => p.severity)]),
  ).toEqual([
    // A gateway only writes snapshots and may not see the settings of their topic.
    [snapshots, ['warning']],
    [pushes, []],
    [pushSnapshots, []],
    [writes, []],
  ])

  const mirror = await members.start({
    topic: writes,
    group: `${names.group}-x`,
    kafka: as('gateway'),
  })
  await eventually(() =>
    expect(mirror.listener.records.map(r => r.record.value?.toString())).toEqual([`to ${writes}`]),
  )
  const admin = new Kafka({
    brokers: kafka.brokers,
    logLevel: logLevel.NOTHING,
    sasl: { mechanism: 'plain', username: 'gateway', password: USERS.gateway },
  }).admin()
  await admin.connect()
  const end = [{ partition: 0, offset: '1' }]
  await admin.fetchTopicOffsets(pushes) // The next call needs the metadata that this one caches.
  await admin.deleteTopicRecords({ topic: pushes, partitions: end })
  expect(await admin.fetchTopicOffsets(pushes)).toMatchObject([{ low: '1', high: '1' }])
  // A gateway may write snapshots but not delete them.
  await expect(admin.deleteTopicRecords({ topic: snapshots, partitions: end })).rejects.toThrow()
  await admin.disconnect()
  await expect(createTopic(as('gateway'), { topic: name('another') })).rejects.toThrow(
    /not authorized/,
  )
})

test('the error of a sender without ACLs names the command that lists them', async () => {
  const topic = await newTopic()
  const sender = createSender({ kafka: as('nobody'), topic, logger: silent, sendTimeout: 5_000 })
  await expect(sender.send(Buffer.from('k'), [Buffer.from('v')])).rejects.toThrow(
    new RegExp(`not authorized to use topic ${topic}.*topic check`),
  )
  await sender.disconnect()
})

test('the error of a member without an ACL for its group names the group', async () => {
  const topic = await newTopic()
  const group = name('forbidden')
  const acls = aclsOf('exposer', kafka.brokers, { topics: { snapshots: topic }, group })
  await grant(acls.filter(acl => acl.resource === 'topic' && acl.onlyWith === null))
  const { logger } = await members.start({ topic, group, kafka: as('exposer') })
  await eventually(() =>
    expect(logger.lines).toContainEqual(
      expect.stringContaining(`not authorized to use consumer group ${group}`),
    ),
  )
})

test('a wrong password is an error of the check, the sender and the member, and none of them hangs', async () => {
  const wrong = as('exposer', 'a guess')
  await expect(checkTopic(wrong, 'any')).rejects.toThrow(/refuses the SASL login/)
  const sender = createSender({ kafka: wrong, topic: 'any', logger: silent, sendTimeout: 5_000 })
  await expect(sender.connect()).rejects.toThrow(/refuses the SASL login/)
  await sender.disconnect()
  const { logger } = await members.start({ topic: 'any', group: name('group'), kafka: wrong })
  await eventually(() =>
    expect(logger.lines).toContainEqual(expect.stringContaining('refuses the SASL login')),
  )
})

test('the error of a client without SASL names what may be missing', async () => {
  await expect(
    checkTopic({ brokers: kafka.brokers, requestTimeout: 2_000, connectionTimeout: 2_000 }, 'any'),
  ).rejects.toThrow(/SASL|did not respond/)
})
