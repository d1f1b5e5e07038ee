import { Unavailable } from '../dev/local/run-command.js'
import { asJson, asText } from '../dev/pipeline/announce.js'
import { Pipeline } from '../dev/pipeline/pipeline.js'
import { TIMESTAMPS } from '../exposer/core/render/timestamps.js'
import {
  actionFlag,
  choice,
  duration,
  flag,
  hostPort,
  list,
} from '../shared/base/flags/builders.js'
import { formatDuration } from '../shared/base/flags/duration.js'
import type { Values } from '../shared/base/flags/types.js'
import { aborted } from '../shared/base/signals.js'
import {
  groupFlag,
  kafkaFlags,
  kafkaProblems,
  readKafkaConfig,
  topicFlag,
} from '../shared/kafka/flags.js'
import { type Command, commonFlags, readFlags } from './common.js'

const flags = {
  ...commonFlags,
  ...kafkaFlags,
  'kafka.brokers': list(hostPort, {
    placeholder: '<host:port>',
    help: 'Bootstrap brokers of an existing cluster. By default a Kafka is started on this machine.',
  }),
  ...topicFlag,
  ...groupFlag,
  'exposition.timestamps': flag(choice(...TIMESTAMPS), {
    default: 'none',
    help: `The same flag of the shards. Prometheus is configured for it. One of: [${TIMESTAMPS.join(', ')}]`,
  }),
  duration: {
    ...flag(duration({ min: '1s', max: '30d' }), {
      placeholder: '<duration>',
      help: 'Exit after this time, counted from when the pipeline is up. The exit code is 0 if the pipeline is healthy then, else 1.',
    }),
    commandLineOnly: true,
  },
  json: actionFlag(
    'Print URLs and process ids as one line of JSON on standard output when the pipeline is up.',
  ),
}

const description = {
  name: 'dev',
  description:
    'Runs the whole pipeline on this machine: Kafka, two exposer shards behind one address, a gateway, three demo apps, a batch job and an agent, and a Prometheus that scrapes them. Ctrl-C stops everything; a second Ctrl-C kills it.',
  flags,
  check: kafkaProblems,
}

const SUCCESS = 0
const FAILURE = 1
const INTERRUPTED = 130

/** `kafka-exposer dev`, which `npm start` runs. */
export const dev: Command = async invocation => {
  const values = readFlags(description, invocation)
  if (!values) return SUCCESS
  const pipeline = new Pipeline(optionsOf(values), {
    progress,
    exited: child => progress(`${child.describeExit()}; end of its log:\n${child.logTail()}`),
  })
  const interrupted = aborted(invocation.signal).then(() => 'interrupted' as const)
  try {
    const started = await Promise.race([pipeline.start().then(() => true), interrupted])
    if (started !== true) return INTERRUPTED
    announce(pipeline, values)
    const ended = await Promise.race([interrupted, elapsed(values.duration)])
    if (ended === 'interrupted') return values.duration === undefined ? SUCCESS : INTERRUPTED
    return await reportHealth(pipeline)
  } catch (error) {
    progress(textOf(error))
    return FAILURE
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
    timestamps: values['exposition.timestamps'],
  }
}

function announce(pipeline: Pipeline, { duration, json }: Values<typeof flags>): void {
  const stop =
    duration === undefined ? 'Ctrl-C' : `by itself in ${formatDuration(duration)}, or Ctrl-C`
  // With --json, standard output carries nothing but the JSON line.
  if (json) process.stdout.write(`${asJson(pipeline)}\n`)
  ;(json ? process.stderr : process.stdout).write(asText(pipeline, stop))
}

/** @returns the exit code */
async function reportHealth(pipeline: Pipeline): Promise<number> {
  const { problems, rates } = await pipeline.checkHealth()
  if (problems.length > 0) {
    progress(`unhealthy at the end: ${problems.join('; ')}`)
    return FAILURE
  }
  const traffic = [...rates].map(([job, rate]) => `${job} ${rate.toFixed(1)} requests/s`).join(', ')
  progress(`healthy at the end${traffic && `: ${traffic}`}`)
  return SUCCESS
}

/** Never resolves for undefined. */
const elapsed = (ms: number | undefined): Promise<'elapsed'> =>
  new Promise(resolve => {
    if (ms !== undefined) setTimeout(() => resolve('elapsed'), ms)
  })

/** Prints a line with the time since the start of the process on standard error. */
function progress(message: string): void {
  process.stderr.write(`[${process.uptime().toFixed(1).padStart(5)} s] ${message}\n`)
}

function textOf(error: unknown): string {
  if (error instanceof Unavailable || (error as Error).name === 'KafkaError')
    return (error as Error).message
  return (error as Error).stack ?? String(error)
}
