import { bootstrapServer } from './facts.js'
import { TOPICS, type TopicKey } from './profiles.js'

/** The programs that use Kafka. */
export const ROLES = ['exposer', 'producer', 'gateway', 'agent'] as const
export type Role = (typeof ROLES)[number]

/** Configured names. Defaults: those of the topic profiles, and the group of the role. */
export interface RoleNames {
  readonly topics?: Partial<Readonly<Record<TopicKey, string>>>
  readonly group?: string
}

/** An ACL that a program needs on a cluster with authorization. */
export interface AclGrant {
  readonly who: Role
  readonly resource: 'topic' | 'group'
  readonly name: string
  /** `prefixed`: all resources whose name starts with `name`. */
  readonly pattern: 'literal' | 'prefixed'
  readonly operations: readonly string[]
  /** The flag without which the program does not need it; null if it always does. */
  readonly onlyWith: string | null
  /** The command that grants it; the principal is a placeholder. */
  readonly command: string
}

type Grant = Omit<AclGrant, 'who' | 'command' | 'onlyWith'>

interface Uses {
  /** Topics of the program, each with the required operations. */
  readonly topics: readonly { readonly key: TopicKey; readonly operations: readonly string[] }[]
  /** Consumer group of the program, if it has one. */
  readonly group?: { readonly name: string; readonly pattern: Grant['pattern'] }
}

interface RoleProfile extends Uses {
  /** In addition with a flag: topics that need not exist, and what the names of groups begin with. */
  readonly optional?: {
    readonly flag: string
    readonly topics: Uses['topics']
    /** Appended to the name of the group. */
    readonly groupSuffix: string
  }
}

const READ = ['Read', 'Describe', 'DescribeConfigs']
const WRITE = ['Write', 'Describe']
const READ_AND_WRITE = ['Read', 'Write', 'Describe', 'DescribeConfigs']

const PROFILES: Readonly<Record<Role, RoleProfile>> = {
  exposer: {
    topics: [{ key: 'snapshots', operations: READ }],
    group: { name: 'kafka-exposer', pattern: 'literal' },
    optional: {
      flag: '--remote-write.url',
      topics: [{ key: 'writes', operations: READ }],
      groupSuffix: '-remote-write-',
    },
  },
  producer: { topics: [{ key: 'snapshots', operations: WRITE }] },
  gateway: {
    topics: [
      { key: 'snapshots', operations: WRITE },
      // DeleteRecords requires Delete, which also allows deleting the topic: Kafka has no narrower
      // ACL.
      { key: 'pushes', operations: [...READ_AND_WRITE, 'Delete'] },
      { key: 'pushSnapshots', operations: [...READ_AND_WRITE, 'Delete'] },
      { key: 'writes', operations: READ_AND_WRITE },
    ],
    // Each task of a gateway has its own group; all names start with this one.
    group: { name: 'kafka-exposer-gateway', pattern: 'prefixed' },
  },
  agent: { topics: [{ key: 'snapshots', operations: WRITE }] },
}

/** Topics of a role with their names. */
export function topicsOf(role: Role, names: RoleNames = {}): { key: TopicKey; name: string }[] {
  return PROFILES[role].topics.map(({ key }) => ({
    key,
    name: names.topics?.[key] ?? TOPICS[key].name,
  }))
}

/** Minimal ACLs of a program: none allows creating or altering topics. */
export function aclsOf(role: Role, brokers: readonly string[], names: RoleNames = {}): AclGrant[] {
  const { topics, group, optional } = PROFILES[role]
  const groupName = names.group ?? group?.name
  const grants = grantsOf(names, {
    topics,
    group: group && { ...group, name: groupName ?? group.name },
  })
  const more = optional
    ? grantsOf(names, {
        topics: optional.topics,
        group: { name: `${groupName}${optional.groupSuffix}`, pattern: 'prefixed' },
      })
    : []
  const aclOf = (grant: Grant, onlyWith: string | null): AclGrant => {
    return { who: role, ...grant, onlyWith, command: aclCommand(role, brokers, grant) }
  }
  return [
    ...grants.map(grant => aclOf(grant, null)),
    ...more.map(grant => aclOf(grant, optional?.flag ?? null)),
  ]
}

function grantsOf(names: RoleNames, { topics, group }: Uses): Grant[] {
  const grants: Grant[] = topics.map(({ key, operations }) => ({
    resource: 'topic',
    name: names.topics?.[key] ?? TOPICS[key].name,
    pattern: 'literal',
    operations,
  }))
  if (group) grants.push({ resource: 'group', ...group, operations: ['Read', 'Describe'] })
  return grants
}

/** The command that grants operations on a topic to a program. */
export function grantCommand(
  role: Role,
  brokers: readonly string[],
  topic: string,
  operations: readonly string[],
): string {
  return aclCommand(role, brokers, {
    resource: 'topic',
    name: topic,
    pattern: 'literal',
    operations,
  })
}

function aclCommand(role: Role, brokers: readonly string[], grant: Grant): string {
  return [
    `kafka-acls.sh --bootstrap-server ${bootstrapServer(brokers)} --add --allow-principal User:<${role}>`,
    ...grant.operations.map(operation => `--operation ${operation}`),
    `--${grant.resource} ${grant.name}`,
    ...(grant.pattern === 'prefixed' ? ['--resource-pattern-type prefixed'] : []),
  ].join(' ')
}

/** The command that creates the topic of a profile, with the first role that uses it. */
export function createCommand(brokers: readonly string[], key: TopicKey, topic: string): string {
  const role = ROLES.find(candidate => PROFILES[candidate].topics.some(use => use.key === key))
  return [
    'kafka-exposer topic create',
    ...(role === 'exposer' ? [] : [`--for=${role}`]),
    `--kafka.brokers=${brokers.join(',')}`,
    ...(key === 'snapshots' ? [`--kafka.topic=${topic}`] : []),
  ].join(' ')
}
