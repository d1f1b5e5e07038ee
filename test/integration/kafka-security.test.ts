import kafkajs from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import { createSender } from '../../shared/kafka/sender.js'
import { type AclGrant, checkTopic, createTopic } from '../../shared/kafka/topics.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import { eventually } from '../support/eventually.js'
import { name, silent, TestMembers } from '../support/kafka.js'

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes, Kafka, logLevel } =
  kafkajs
const USERS = {
  admin: 'admin-secret',
  publisher: 'publisher-secret',
  exposer: 'exposer-secret',
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
  await createTopic(as('admin'), { topic, partitions: 2, replicationFactor: 1, retentionMs: 3_600_000 })
  return topic
}

/** Grants what the report lists, as its commands would. */
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
  }
  await admin.createAcls({
    acl: acls.flatMap(acl =>
      acl.operations.map(o => ({
        resourceType: acl.resource === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
        resourceName: acl.name,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${acl.who}`,
        host: '*',
        operation: operation[o as keyof typeof operation],
        permissionType: AclPermissionTypes.ALLOW,
      })),
    ),
  })
  await admin.disconnect()
}

test('the grants that the check lists are enough to publish and to expose', async () => {
  const topic = await newTopic()
  const group = name('group')
  const { acls, problems } = await checkTopic(as('admin'), topic, { group })
  expect(problems).toEqual([])
  await grant(acls.filter(acl => acl.who !== 'gateway'))

  const sender = createSender({ kafka: as('publisher'), topic, logger: silent, sendTimeout: 5_000 })
  await eventually(() => sender.send(Buffer.from('job\0api\0'), [Buffer.from('hello')]))
  await sender.disconnect()
  const { listener, held, consumer } = await members.start({ topic, group, kafka: as('exposer') })
  await eventually(() => expect(held()).toEqual([0, 1]))
  await eventually(() => expect(listener.records.map(r => r.record.value?.toString())).toContain('hello'))
  expect((await consumer.group()).members).toHaveLength(1)
  expect((await checkTopic(as('exposer'), topic)).problems).toEqual([])
})

test('who may not write is told so, with where the grants are listed', async () => {
  const topic = await newTopic()
  const sender = createSender({ kafka: as('nobody'), topic, logger: silent, sendTimeout: 5_000 })
  await expect(sender.send(Buffer.from('k'), [Buffer.from('v')])).rejects.toThrow(
    new RegExp(`may not use topic ${topic}.*topic check`),
  )
  await sender.disconnect()
})

test('who may read the topic but not the group is told about the group', async () => {
  const topic = await newTopic()
  const group = name('forbidden')
  const { acls } = await checkTopic(as('admin'), topic, { group })
  await grant(acls.filter(acl => acl.who === 'exposer' && acl.resource === 'topic'))
  const { logger } = await members.start({ topic, group, kafka: as('exposer') })
  await eventually(() =>
    expect(logger.lines).toContainEqual(expect.stringContaining(`may not use consumer group ${group}`)),
  )
})

test('a wrong password is told as such, by everybody, and nobody hangs', async () => {
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

test('a client without SASL where the broker expects it is told what may be missing', async () => {
  await expect(
    checkTopic({ brokers: kafka.brokers, requestTimeout: 2_000, connectionTimeout: 2_000 }, 'any'),
  ).rejects.toThrow(/SASL|did not answer/)
})
