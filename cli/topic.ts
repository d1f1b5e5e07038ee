import { choice, duration, flag, integer, text } from '../shared/base/flags/builders.js'
import { formatDuration } from '../shared/base/flags/duration.js'
import type { Values } from '../shared/base/flags/types.js'
import { kafkaFlags, kafkaProblems, readKafkaConfig, topicFlag } from '../shared/kafka/flags.js'
import { ROLES, type RoleNames } from '../shared/kafka/topics/roles.js'
import {
  checkTopics,
  createTopics,
  type RoleReport,
  type TopicReport,
} from '../shared/kafka/topics.js'
import type { KafkaConfig } from '../shared/kafka/types.js'
import { type Command, commonFlags, type Invocation, readFlags } from './common.js'

const roleFlags = {
  for: flag(choice(...ROLES), {
    default: 'exposer',
    help: `Program that uses the topics and needs the ACLs. One of: [${ROLES.join(', ')}]`,
  }),
  ...kafkaFlags,
  ...topicFlag,
  'kafka.group': flag(text, {
    placeholder: '<group>',
    help: 'Consumer group of the program, for its ACLs. Default: kafka-exposer for exposers, kafka-exposer-gateway for gateways.',
  }),
}

const checkDescription = {
  name: 'topic check',
  description:
    'Checks the topics of a program: timestamps set by the brokers (LogAppendTime), retention, cleanup policy, maximum sizes, and a leader for every partition. Prints each problem with the command that fixes it, and the ACLs to grant. The exit code is 1 if there is an error.',
  flags: {
    ...commonFlags,
    ...roleFlags,
  },
  check: kafkaProblems,
}

const createDescription = {
  name: 'topic create',
  description:
    'Creates the topics of a program and checks them. In these topics brokers set the timestamps (LogAppendTime), do not compress records, and delete records by age. Gateways also have two logs of pushes (one partition, no deletion by age, three replicas if there are three brokers) and a log of remote write requests. Existing topics are not changed.',
  flags: {
    ...commonFlags,
    ...roleFlags,
    partitions: flag(integer(1, 10_000), {
      default: '12',
      help: 'Number of partitions. It limits how many shards can share the work, and can be increased later but not decreased. Logs of pushes always have one partition.',
    }),
    'replication-factor': flag(integer(-1, 32), {
      default: '-1',
      help: 'Number of replicas per partition. -1 is the default of the brokers; for the logs of gateways it is 3 if there are three brokers.',
    }),
    retention: flag(duration({ min: '1h', max: '365d' }), {
      placeholder: '<duration>',
      help: 'How long records are kept. Default: 1h for snapshots, of which a starting shard reads the last 10 minutes, and 1d for remote write. Logs of pushes are kept without a limit.',
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
  for (const { topic, created } of await createTopics(
    kafka,
    values.for,
    choices,
    namesOf(values),
  )) {
    invocation.stdout.write(
      created ? `created topic ${topic}\n` : `topic ${topic} already exists\n`,
    )
  }
  return report(kafka, values, invocation)
}

function namesOf(values: Values<typeof roleFlags>): RoleNames {
  return { topics: { snapshots: values['kafka.topic'] }, group: values['kafka.group'] }
}

/** @returns the exit code: 1 if a topic has an error */
async function report(
  kafka: KafkaConfig,
  values: Values<typeof roleFlags>,
  { stdout }: Invocation,
): Promise<number> {
  const found = await checkTopics(kafka, values.for, namesOf(values))
  stdout.write(reportText(found))
  const hasError = found.topics.some(({ problems }) =>
    problems.some(({ severity }) => severity === 'error'),
  )
  return hasError ? 1 : 0
}

function reportText({ topics, acls }: RoleReport): string {
  const flags = new Set(acls.flatMap(({ onlyWith }) => onlyWith ?? []))
  const commands = (flag: string | null) =>
    acls.filter(({ onlyWith }) => onlyWith === flag).map(({ command }) => `    ${command}`)
  return [
    ...topics.flatMap(topicText),
    '',
    'ACLs to grant if the cluster uses authorization:',
    ...commands(null),
    ...[...flags].flatMap(flag => [`In addition with ${flag}:`, ...commands(flag)]),
    `ACLs of other programs: --for=${ROLES.filter(role => role !== acls[0]?.who).join(', ')}`,
    '',
  ].join('\n')
}

function topicText(report: TopicReport): string[] {
  const { topic, exists, problems } = report
  return [
    ...(exists ? [`topic ${topic}: ${factsText(report)}`] : []),
    ...(problems.length ? [] : ['No problems found.']),
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
