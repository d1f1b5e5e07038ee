import { expect, test } from 'vitest'
import { aclsOf, createCommand, ROLES, topicsOf } from '../../../../shared/kafka/topics/roles.js'

const brokers = ['kafka-1:9092', 'kafka-2:9092']

test('each program gets the ACLs that it needs, and none to create or alter topics', () => {
  const granted = ROLES.map(role => [
    role,
    aclsOf(role, brokers).map(({ name, operations }) => `${name}: ${operations.join(' ')}`),
  ])
  expect(Object.fromEntries(granted)).toEqual({
    exposer: [
      'metrics.snapshots: Read Describe DescribeConfigs',
      'kafka-exposer: Read Describe',
      'metrics.writes: Read Describe DescribeConfigs',
      'kafka-exposer-remote-write-: Read Describe',
    ],
    producer: ['metrics.snapshots: Write Describe'],
    gateway: [
      'metrics.snapshots: Write Describe',
      'metrics.pushes: Read Write Describe DescribeConfigs Delete',
      'metrics.pushes.snapshots: Read Write Describe DescribeConfigs Delete',
      'metrics.writes: Read Write Describe DescribeConfigs',
      'kafka-exposer-gateway: Read Describe',
    ],
    agent: ['metrics.snapshots: Write Describe'],
  })
})

test('the command of an ACL names the principal after the program', () => {
  expect(aclsOf('producer', brokers)[0]!.command).toBe(
    'kafka-acls.sh --bootstrap-server kafka-1:9092 --add --allow-principal User:<producer> --operation Write --operation Describe --topic metrics.snapshots',
  )
})

test('gateways get all groups with their prefix, exposers one group', () => {
  expect(aclsOf('gateway', brokers, { group: 'mine' }).at(-1)).toMatchObject({
    name: 'mine',
    pattern: 'prefixed',
    command: expect.stringMatching(/--group mine --resource-pattern-type prefixed$/),
  })
  expect(aclsOf('exposer', brokers, { group: 'mine' })[1]).toMatchObject({
    name: 'mine',
    pattern: 'literal',
    command: expect.stringMatching(/--group mine$/),
  })
})

test('exposers need the log of writes and groups of receivers only with remote write', () => {
  const granted = aclsOf('exposer', brokers, { group: 'mine' })
  expect(granted.map(({ name, onlyWith }) => [name, onlyWith])).toEqual([
    ['metrics.snapshots', null],
    ['mine', null],
    ['metrics.writes', '--remote-write.url'],
    ['mine-remote-write-', '--remote-write.url'],
  ])
  expect(granted.at(-1)).toMatchObject({ resource: 'group', pattern: 'prefixed' })
})

test('configured names are used for topics and ACLs', () => {
  const names = { topics: { snapshots: 'team.snapshots', pushes: 'team.pushes' } }
  const expected = ['team.snapshots', 'team.pushes', 'metrics.pushes.snapshots', 'metrics.writes']
  expect(topicsOf('gateway', names).map(({ name }) => name)).toEqual(expected)
  const granted = aclsOf('gateway', brokers, names).filter(({ resource }) => resource === 'topic')
  expect(granted.map(({ name }) => name)).toEqual(expected)
})

test('a missing topic is created by the command of a program that uses it', () => {
  expect(createCommand(brokers, 'snapshots', 'mine')).toBe(
    'kafka-exposer topic create --kafka.brokers=kafka-1:9092,kafka-2:9092 --kafka.topic=mine',
  )
  expect(createCommand(brokers, 'pushes', 'metrics.pushes')).toBe(
    'kafka-exposer topic create --for=gateway --kafka.brokers=kafka-1:9092,kafka-2:9092',
  )
})
