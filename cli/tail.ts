import { z } from 'zod'
import { flag, list, switchFlag } from '../shared/base/flags/builders.js'
import { parseDuration } from '../shared/base/flags/duration.js'
import { kafkaFlags, kafkaProblems, readKafkaConfig, topicFlag } from '../shared/kafka/flags.js'
import { type TailOptions, tailTopic } from '../shared/kafka/tail.js'
import { checkTopic } from '../shared/kafka/topics.js'
import { type Command, commonFlags, readFlags } from './common.js'
import { RecordPrinter } from './record-line.js'

const from = z.string().transform((text, context): NonNullable<TailOptions['from']> => {
  if (text === 'earliest' || text === 'latest') return text
  if (/^\d+$/.test(text) && text !== '0') return { offset: Number(text) }
  const ago = parseDuration(text)
  if (ago !== undefined) return { since: Date.now() - ago }
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(text)} is none of earliest, latest, a duration ago (10m) or an offset`,
  })
  return z.NEVER
})

const label = z.string().transform((text, context) => {
  const equals = text.indexOf('=')
  if (equals > 0) return { name: text.slice(0, equals), value: text.slice(equals + 1) }
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(text)} is no label, write it as job=checkout`,
  })
  return z.NEVER
})

const description = {
  name: 'tail',
  description:
    'Prints the records of the topic, decoded, one a line: partition/offset, the target, its age (from collection to now), run, sequence and size, or why its collection failed. What an exposer refuses is printed with the reason. It reads beside the group of the exposers and takes nothing away from them.',
  flags: {
    ...commonFlags,
    ...kafkaFlags,
    ...topicFlag,
    target: list(label, {
      placeholder: '<label>=<value>',
      help: 'Only targets with these labels, and records that cannot be read at all.',
    }),
    from: flag(from, {
      default: '5m',
      help: 'Where to begin: a duration ago, "earliest", "latest", or an offset.',
    }),
    follow: switchFlag({ help: 'Go on with what comes, until interrupted.' }),
    refused: switchFlag({ help: 'Only what is refused.' }),
  },
  check: kafkaProblems,
}

/** `kafka-exposer tail` */
export const tail: Command = async invocation => {
  const values = readFlags(description, invocation)
  if (!values) return 0
  const kafka = readKafkaConfig(values)
  const topic = values['kafka.topic']
  const { partitions } = await checkTopic(kafka, topic)
  const printer = new RecordPrinter(partitions, values.target, values.refused)
  const pending = new Set(Array.from({ length: partitions }, (_, partition) => partition))
  const ended = new AbortController()
  const { stdout, stderr, signal } = invocation
  const reading = await tailTopic(
    kafka,
    topic,
    {
      from: values.from,
      onError: error => stderr.write(`${error.message}; trying again\n`),
      onCaughtUp: partition => {
        pending.delete(partition)
        if (pending.size === 0 && !values.follow) ended.abort()
      },
    },
    async (partition, record) => {
      const line = printer.line(partition, record, Date.now())
      if (line !== undefined && stdout.write(`${line}\n`) === false) await drained(stdout, signal)
    },
  )
  await aborted(AbortSignal.any([signal, ended.signal]))
  await reading.stop()
  stderr.write(`${printer.summary()}\n`)
  return 0
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** A reader slower than Kafka must not make us hold the topic in memory. */
function drained(stdout: { write(text: string): unknown }, signal: AbortSignal): Promise<void> {
  const stream = stdout as unknown as NodeJS.WriteStream
  return new Promise(resolve => {
    stream.once('drain', resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
