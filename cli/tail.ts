import { z } from 'zod'
import { flag, list, switchFlag } from '../shared/base/flags/builders.js'
import { formatDuration, parseDuration } from '../shared/base/flags/duration.js'
import { aborted } from '../shared/base/signals.js'
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
    message: `${JSON.stringify(text)} is not earliest, latest, a duration such as 10m, or an offset`,
  })
  return z.NEVER
})

const label = z.string().transform((text, context) => {
  const equals = text.indexOf('=')
  if (equals > 0) return { name: text.slice(0, equals), value: text.slice(equals + 1) }
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(text)} is not a label; write it as job=checkout`,
  })
  return z.NEVER
})

const description = {
  name: 'tail',
  description:
    'Prints the decoded records of the topic, one per line: partition/offset, target, age (time since collection), run, sequence and size, or why the collection failed. A record that an exposer refuses is printed with the reason. The command does not join the consumer group of the exposers and does not affect them.',
  flags: {
    ...commonFlags,
    ...kafkaFlags,
    ...topicFlag,
    target: list(label, {
      placeholder: '<label>=<value>',
      help: 'Print only targets with these labels, and records whose target is unreadable.',
    }),
    from: flag(from, {
      default: '5m',
      help: 'Start position: a duration before now, "earliest", "latest" or an offset.',
    }),
    follow: switchFlag({ help: 'Wait for new records until interrupted.' }),
    refused: switchFlag({ help: 'Print only refused records.' }),
  },
  check: kafkaProblems,
}

/** `kafka-exposer tail` */
export const tail: Command = async invocation => {
  const values = readFlags(description, invocation)
  if (!values) return 0
  const startedAt = Date.now()
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
      onError: error => stderr.write(`${error.message}; retrying\n`),
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
  const nothing = printer.printed === 0 ? `; ${whereSearched(values.from, startedAt)}` : ''
  stderr.write(`${printer.summary()}${nothing}\n`)
  return 0
}

/** Where nothing was found, and how to look further back. */
function whereSearched(from: NonNullable<TailOptions['from']>, now: number): string {
  if (from === 'earliest') return 'nothing to print in the whole log'
  if (from === 'latest') return 'nothing was appended meanwhile; --follow waits for new records'
  const further = '--from=earliest reads the whole log'
  if ('offset' in from) return `nothing to print from offset ${from.offset} on; ${further}`
  // To the second, as durations are given.
  const ago = formatDuration(Math.round((now - from.since) / 1000) * 1000)
  const since = new Date(from.since).toISOString()
  return `nothing to print since ${since}, ${ago} ago; ${further}`
}

/** Waits for a slow reader of standard output, so that records do not accumulate in memory. */
function drained(stdout: { write(text: string): unknown }, signal: AbortSignal): Promise<void> {
  const stream = stdout as unknown as NodeJS.WriteStream
  return new Promise(resolve => {
    stream.once('drain', resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
