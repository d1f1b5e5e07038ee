import { duration, flag, integer } from '../shared/base/flags/builders.js'
import { formatDuration } from '../shared/base/flags/duration.js'
import { groupFlag, kafkaFlags, kafkaProblems, readKafkaConfig, topicFlag } from '../shared/kafka/flags.js'
import { checkTopic, createTopic, type TopicReport } from '../shared/kafka/topics.js'
import { type Command, commonFlags, readFlags } from './common.js'

const checkDescription = {
  name: 'topic check',
  description:
    'Checks whether a topic is fit for snapshots: that the brokers stamp records themselves, that retention, cleanup and sizes are right, and that every partition has a leader. Prints what is wrong with the command that mends it, and the ACLs to grant. Exits with 1 when something is wrong.',
  flags: {
    ...commonFlags,
    ...kafkaFlags,
    ...topicFlag,
    ...groupFlag,
  },
  check: kafkaProblems,
}

const createDescription = {
  name: 'topic create',
  description:
    'Creates the topic for snapshots: records are stamped by the brokers, not compressed again, and deleted by age. A topic that is there already is left as it is, and checked.',
  flags: {
    ...commonFlags,
    ...kafkaFlags,
    ...topicFlag,
    ...groupFlag,
    partitions: flag(integer(1, 10_000), {
      default: '12',
      help: 'How many partitions: the most shards that can share the work. They can be added to later, but not taken away.',
    }),
    'replication-factor': flag(integer(-1, 32), {
      default: '-1',
      help: 'On how many brokers each partition is; -1 takes the default of the brokers.',
    }),
    retention: flag(duration({ min: '1h', max: '365d' }), {
      default: '1h',
      help: 'How long snapshots are kept. A starting shard reads the last 10 minutes.',
    }),
  },
  check: kafkaProblems,
}

/** `kafka-exposer topic check` */
export const check: Command = async invocation => {
  const values = readFlags(checkDescription, invocation)
  if (!values) return 0
  const kafka = readKafkaConfig(values)
  const report = await checkTopic(kafka, values['kafka.topic'], { group: values['kafka.group'] })
  invocation.stdout.write(reportText(report))
  return report.problems.some(problem => problem.severity === 'error') ? 1 : 0
}

/** `kafka-exposer topic create` */
export const create: Command = async invocation => {
  const values = readFlags(createDescription, invocation)
  if (!values) return 0
  const kafka = readKafkaConfig(values)
  const topic = values['kafka.topic']
  const created = await createTopic(kafka, {
    topic,
    partitions: values.partitions,
    replicationFactor: values['replication-factor'],
    retentionMs: values.retention,
  })
  invocation.stdout.write(created ? `topic ${topic} is created\n` : `topic ${topic} was there already\n`)
  const report = await checkTopic(kafka, topic, { group: values['kafka.group'] })
  invocation.stdout.write(reportText(report))
  return report.problems.some(problem => problem.severity === 'error') ? 1 : 0
}

function reportText(report: TopicReport): string {
  const { topic, exists, partitions, replicationFactor, settings, problems, acls } = report
  const retention = Number(settings['retention.ms'])
  const facts = [
    `${partitions} partitions`,
    `replication factor ${replicationFactor}`,
    settings['message.timestamp.type'],
    retention > 0 ? `retention ${formatDuration(retention)}` : undefined,
  ]
  return [
    ...(exists ? [`topic ${topic}: ${facts.filter(Boolean).join(', ')}`] : []),
    ...(problems.length ? [] : ['Nothing is wrong with it.']),
    ...problems.flatMap(({ severity, message, fix }) => [`${severity}: ${message}`, `    ${fix}`]),
    '',
    'Where the cluster asks for authorization, grant:',
    ...acls.filter(acl => acl.who !== 'gateway').map(acl => `    ${acl.command}`),
    '',
  ].join('\n')
}
