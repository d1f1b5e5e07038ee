import { choice, duration, flag, integer, text } from '../shared/base/flags/builders.js'
import { formatDuration } from '../shared/base/flags/duration.js'
import type { Values } from '../shared/base/flags/types.js'
import { kafkaFlags, kafkaProblems, readKafkaConfig, topicFlag } from '../shared/kafka/flags.js'
import { ROLES, type RoleNames } from '../shared/kafka/topics/roles.js'
import { checkTopics, createTopics, type RoleReport, type TopicReport } from '../shared/kafka/topics.js'
import type { KafkaConfig } from '../shared/kafka/types.js'
import { type Command, commonFlags, type Invocation, readFlags } from './common.js'

const roleFlags = {
  for: flag(choice(...ROLES), {
    default: 'exposer',
    help: `Program whose topics and ACLs are meant. One of: [${ROLES.join(', ')}]`,
  }),
  ...kafkaFlags,
  ...topicFlag,
  'kafka.group': flag(text, {
    placeholder: '<group>',
    help: 'Consumer group of the program, for its ACLs. By default kafka-exposer for exposers and kafka-exposer-gateway for gateways.',
  }),
}

const checkDescription = {
  name: 'topic check',
  description:
    'Checks whether the topics of a program are fit for it: that the brokers stamp records themselves, that retention, cleanup and sizes are right, and that every partition has a leader. Prints what is wrong with the command that mends it, and the ACLs to grant. Exits with 1 when something is wrong.',
  flags: {
    ...commonFlags,
    ...roleFlags,
  },
  check: kafkaProblems,
}

const createDescription = {
  name: 'topic create',
  description:
    'Creates the topics of a program: records are stamped by the brokers, not compressed again, and deleted by age. For gateways these are, besides the snapshots, the logs of pushes (one partition, nothing deleted by age, three replicas where there are three brokers) and of remote write. A topic that is there already is left as it is, and checked.',
  flags: {
    ...commonFlags,
    ...roleFlags,
    partitions: flag(integer(1, 10_000), {
      default: '12',
      help: 'How many partitions: the most shards that can share the work. They can be added to later, but not taken away. The logs of pushes always have one.',
    }),
    'replication-factor': flag(integer(-1, 32), {
      default: '-1',
      help: "On how many brokers each partition is. -1 takes the default of the brokers, for gateways' own topics 3 where there are three brokers.",
    }),
    retention: flag(duration({ min: '1h', max: '365d' }), {
      placeholder: '<duration>',
      help: 'How long records are kept: by default 1h for snapshots, of which a starting shard reads the last 10 minutes, and 1d for remote write. The logs of pushes are kept without a limit.',
    }),
  },
  check: kafkaProblems,
}

/** `kafka-exposer topic check` */
export const check: Command = async invocation => {
  const values = readFlags(checkDescription, invocation)
  if (!values) return 0
  return report(readKafkaConfig(values), values, invocation)
}

/** `kafka-exposer topic create` */
export const create: Command = async invocation => {
  const values = readFlags(createDescription, invocation)
  if (!values) return 0
  const kafka = readKafkaConfig(values)
  const choices = {
    partitions: values.partitions,
    replicationFactor: values['replication-factor'],
    retentionMs: values.retention,
  }
  for (const { topic, created } of await createTopics(kafka, values.for, choices, namesOf(values))) {
    invocation.stdout.write(created ? `topic ${topic} is created\n` : `topic ${topic} was there already\n`)
  }
  return report(kafka, values, invocation)
}

function namesOf(values: Values<typeof roleFlags>): RoleNames {
  return { topics: { snapshots: values['kafka.topic'] }, group: values['kafka.group'] }
}

/** @returns the exit code: 1 when something is wrong */
async function report(
  kafka: KafkaConfig,
  values: Values<typeof roleFlags>,
  { stdout }: Invocation,
): Promise<number> {
  const found = await checkTopics(kafka, values.for, namesOf(values))
  stdout.write(reportText(found))
  const isWrong = found.topics.some(({ problems }) => problems.some(({ severity }) => severity === 'error'))
  return isWrong ? 1 : 0
}

function reportText({ topics, acls }: RoleReport): string {
  return [
    ...topics.flatMap(topicText),
    '',
    'Where the cluster asks for authorization, grant:',
    ...acls.map(acl => `    ${acl.command}`),
    `For other programs: --for=${ROLES.filter(role => role !== acls[0]?.who).join(', ')}`,
    '',
  ].join('\n')
}

function topicText(report: TopicReport): string[] {
  const { topic, exists, problems } = report
  return [
    ...(exists ? [`topic ${topic}: ${factsText(report)}`] : []),
    ...(problems.length ? [] : ['Nothing is wrong with it.']),
    ...problems.flatMap(({ severity, message, fix }) => [`${severity}: ${message}`, `    ${fix}`]),
  ]
}

function factsText({ partitions, replicationFactor, settings }: TopicReport): string {
  const retention = Number(settings['retention.ms'] ?? Number.NaN)
  return [
    partitions === 1 ? 'one partition' : `${partitions} partitions`,
    `replication factor ${replicationFactor}`,
    settings['message.timestamp.type'],
    retention > 0 ? `retention ${formatDuration(retention)}` : undefined,
    retention < 0 ? 'retention unlimited' : undefined,
  ]
    .filter(Boolean)
    .join(', ')
}
