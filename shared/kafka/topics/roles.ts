import { bootstrapServer } from './facts.js'
import { TOPICS, type TopicKey } from './profiles.js'

/** The programs that use Kafka. */
export const ROLES = ['exposer', 'producer', 'gateway', 'agent'] as const
export type Role = (typeof ROLES)[number]

/** Names that are configured; the profiles' own ones and the role's own group where nothing is given. */
export interface RoleNames {
  readonly topics?: Partial<Readonly<Record<TopicKey, string>>>
  readonly group?: string
}

/** What a program must be granted on a cluster with authorization. */
export interface AclGrant {
  readonly who: Role
  readonly resource: 'topic' | 'group'
  readonly name: string
  /** `prefixed`: everything whose name begins with `name`. */
  readonly pattern: 'literal' | 'prefixed'
  readonly operations: readonly string[]
  /** The command that grants it, with the principal to fill in. */
  readonly command: string
}

type Grant = Omit<AclGrant, 'who' | 'command'>

interface RoleProfile {
  /** Each topic that the program uses, with the operations that it needs on it. */
  readonly topics: readonly { readonly key: TopicKey; readonly operations: readonly string[] }[]
  /** The program's consumer group, if it forms one. */
  readonly group?: { readonly name: string; readonly pattern: Grant['pattern'] }
}

const READ = ['Read', 'Describe', 'DescribeConfigs']
const WRITE = ['Write', 'Describe']
const READ_AND_WRITE = ['Read', 'Write', 'Describe', 'DescribeConfigs']

const PROFILES: Readonly<Record<Role, RoleProfile>> = {
  exposer: {
    topics: [{ key: 'snapshots', operations: READ }],
    group: { name: 'kafka-exposer', pattern: 'literal' },
  },
  producer: { topics: [{ key: 'snapshots', operations: WRITE }] },
  gateway: {
    topics: [
      { key: 'snapshots', operations: WRITE },
      // DeleteRecords asks for Delete, which would also allow to delete the topic: Kafka has no smaller right.
      { key: 'pushes', operations: [...READ_AND_WRITE, 'Delete'] },
      { key: 'pushSnapshots', operations: [...READ_AND_WRITE, 'Delete'] },
      { key: 'writes', operations: READ_AND_WRITE },
    ],
    // One group for each of its tasks, all named after this one.
    group: { name: 'kafka-exposer-gateway', pattern: 'prefixed' },
  },
  agent: { topics: [{ key: 'snapshots', operations: WRITE }] },
}

/** The topics of a role, with their names. */
export function topicsOf(role: Role, names: RoleNames = {}): { key: TopicKey; name: string }[] {
  return PROFILES[role].topics.map(({ key }) => ({ key, name: names.topics?.[key] ?? TOPICS[key].name }))
}

/** The least that a program needs: no one may create topics or alter them. */
export function aclsOf(role: Role, brokers: readonly string[], names: RoleNames = {}): AclGrant[] {
  const { topics, group } = PROFILES[role]
  const grants: Grant[] = topics.map(({ key, operations }) => ({
    resource: 'topic',
    name: names.topics?.[key] ?? TOPICS[key].name,
    pattern: 'literal',
    operations,
  }))
  if (group) {
    const { pattern } = group
    const name = names.group ?? group.name
    grants.push({ resource: 'group', name, pattern, operations: ['Read', 'Describe'] })
  }
  return grants.map(grant => ({ who: role, ...grant, command: aclCommand(role, brokers, grant) }))
}

/** The command that lets a program do something to a topic. */
export function grantCommand(
  role: Role,
  brokers: readonly string[],
  topic: string,
  operations: readonly string[],
): string {
  return aclCommand(role, brokers, { resource: 'topic', name: topic, pattern: 'literal', operations })
}

function aclCommand(role: Role, brokers: readonly string[], grant: Grant): string {
  return [
    `kafka-acls.sh --bootstrap-server ${bootstrapServer(brokers)} --add --allow-principal User:<${role}>`,
    ...grant.operations.map(operation => `--operation ${operation}`),
    `--${grant.resource} ${grant.name}`,
    ...(grant.pattern === 'prefixed' ? ['--resource-pattern-type prefixed'] : []),
  ].join(' ')
}

/** The command that creates a topic of a profile, by any role that uses it. */
export function createCommand(brokers: readonly string[], key: TopicKey, topic: string): string {
  const role = ROLES.find(candidate => PROFILES[candidate].topics.some(use => use.key === key))
  return [
    'kafka-exposer topic create',
    ...(role === 'exposer' ? [] : [`--for=${role}`]),
    `--kafka.brokers=${brokers.join(',')}`,
    ...(key === 'snapshots' ? [`--kafka.topic=${topic}`] : []),
  ].join(' ')
}
