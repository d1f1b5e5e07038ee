import { Unavailable } from '../dev/local/run-command.js'
import { asJson, asText } from '../dev/pipeline/announce.js'
import { Pipeline } from '../dev/pipeline/pipeline.js'
import { actionFlag, duration, flag, hostPort, list } from '../shared/base/flags/builders.js'
import { formatDuration } from '../shared/base/flags/duration.js'
import type { Values } from '../shared/base/flags/types.js'
import { aborted } from '../shared/base/signals.js'
import { groupFlag, kafkaFlags, kafkaProblems, readKafkaConfig, topicFlag } from '../shared/kafka/flags.js'
import { type Command, commonFlags, readFlags } from './common.js'

const flags = {
  ...commonFlags,
  ...kafkaFlags,
  'kafka.brokers': list(hostPort, {
    placeholder: '<host:port>',
    help: 'Brokers of a cluster to use. Without them a Kafka is started here.',
  }),
  ...topicFlag,
  ...groupFlag,
  duration: {
    ...flag(duration({ min: '1s', max: '30d' }), {
      placeholder: '<duration>',
      help: 'End so long after everything was up, with exit code 0 when all was well then, else with 1 and the reason.',
    }),
    commandLineOnly: true,
  },
  json: actionFlag('Print what runs where as one line of JSON on standard output when all is up.'),
}

const description = {
  name: 'dev',
  description:
    'Runs the whole pipeline on this machine: a Kafka, two exposer shards behind one address, three demo apps, and a Prometheus that scrapes them. Ctrl-C stops everything, a second one kills it.',
  flags,
  check: kafkaProblems,
}

const WELL = 0
const FAILED = 1
const INTERRUPTED = 130

/** `kafka-exposer dev`, what `npm start` runs. */
export const dev: Command = async invocation => {
  const values = readFlags(description, invocation)
  if (!values) return WELL
  const progress = progressLines()
  const pipeline = new Pipeline(optionsOf(values), {
    progress,
    died: child => progress(`${child.obituary()}; what it said last:\n${child.lastWords()}`),
  })
  const interrupted = aborted(invocation.signal).then(() => 'interrupted' as const)
  try {
    const started = await Promise.race([pipeline.start().then(() => true), interrupted])
    if (started !== true) return INTERRUPTED
    announce(pipeline, values)
    const over = await Promise.race([interrupted, after(values.duration)])
    if (over === 'interrupted') return values.duration === undefined ? WELL : INTERRUPTED
    return await judge(pipeline, progress)
  } catch (error) {
    progress(textOf(error))
    return FAILED
  } finally {
    progress('stopping')
    await pipeline.stop()
  }
}

function optionsOf(values: Values<typeof flags>) {
  const file = values['kafka.config.file']
  return {
    kafka: readKafkaConfig(values),
    kafkaFlags: file === undefined ? [] : [`--kafka.config.file=${file}`],
    topic: values['kafka.topic'],
    group: values['kafka.group'],
  }
}

function announce(pipeline: Pipeline, { duration, json }: Values<typeof flags>): void {
  const ends = duration === undefined ? 'Ctrl-C' : `by itself in ${formatDuration(duration)}, or Ctrl-C`
  // People read the block wherever it is printed; standard output is the script's when it asked for JSON.
  if (json) process.stdout.write(`${asJson(pipeline)}\n`)
  ;(json ? process.stderr : process.stdout).write(asText(pipeline, ends))
}

async function judge(pipeline: Pipeline, progress: (message: string) => void): Promise<number> {
  const { problems, rates } = await pipeline.verdict()
  const seen = [...rates].map(([job, rate]) => `${job} ${rate.toFixed(1)} requests/s`).join(', ')
  progress(
    problems.length ? `not well at the end: ${problems.join('; ')}` : `all was well${seen && `: ${seen}`}`,
  )
  return problems.length ? FAILED : WELL
}

const after = (ms: number | undefined): Promise<'over'> =>
  new Promise(resolve => {
    if (ms !== undefined) setTimeout(() => resolve('over'), ms)
  })

/** Lines with the time since the process began, on standard error. */
function progressLines(): (message: string) => void {
  return message => {
    process.stderr.write(`[${process.uptime().toFixed(1).padStart(5)} s] ${message}\n`)
  }
}

function textOf(error: unknown): string {
  if (error instanceof Unavailable || (error as Error).name === 'KafkaError') return (error as Error).message
  return (error as Error).stack ?? String(error)
}
