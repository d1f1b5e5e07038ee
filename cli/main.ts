import { existsSync } from 'node:fs'
import { programHelp } from '../shared/base/flags/help.js'
import { suggest } from '../shared/base/flags/suggest.js'
import type { Command, Invocation } from './common.js'
import { readVersion, versionText } from './version.js'

/**
 * `kafka-exposer <command>`: the only place that reads the environment and exits.
 *
 * Commands are loaded when they are called, so that help and version cost nothing.
 */
interface Entry {
  readonly summary: string
  load(): Promise<Command>
  /** It ends itself and what it started when a signal comes; main does not interfere. */
  readonly ownSignals?: boolean
  /** The npm script of a checkout that runs it: its programs are in no package. */
  readonly script?: string
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  exposer: {
    summary: 'Run a shard: read snapshots from Kafka and serve them to Prometheus.',
    load: async () => (await import('./exposer.js')).exposer,
  },
  'topic create': {
    summary: 'Create the topic for snapshots as it has to be, and list the ACLs to grant.',
    load: async () => (await import('./topic.js')).create,
  },
  'topic check': {
    summary: 'Check whether a topic is fit for snapshots, and list the ACLs to grant.',
    load: async () => (await import('./topic.js')).check,
  },
  tail: {
    summary: 'Print the records of the topic, decoded, one a line; refused ones with the reason.',
    load: async () => (await import('./tail.js')).tail,
  },
  lab: {
    summary: 'Measure what a queue in front of Prometheus costs, and what answers it.',
    load: async () => (await import('./lab.js')).lab,
    script: 'npm run lab',
  },
  dev: {
    summary: 'Run the whole pipeline on this machine, with a Kafka and a Prometheus of its own.',
    load: async () => {
      const { dev } = await import('./dev.js')
      return invocation => dev([...invocation.argv])
    },
    ownSignals: true,
    script: 'npm start',
  },
}

const PROGRAM = 'kafka-exposer'
const DESCRIPTION = 'Kafka between applications and Prometheus: a sharded exposer and its tools.'

const SUCCESS = 0
const FAILURE = 1
const USAGE = 2

async function main(argv: readonly string[]): Promise<number> {
  const [first = '', second = ''] = argv
  if (argv.length === 0 || ['help', '--help', '-h'].includes(first)) {
    const rows = Object.entries(COMMANDS).map(([name, { summary }]): [string, string] => [name, summary])
    process.stdout.write(programHelp(PROGRAM, DESCRIPTION, rows, process.stdout.columns))
    return argv.length === 0 ? USAGE : SUCCESS
  }
  if (first === '--version') {
    process.stdout.write(versionText(readVersion()))
    return SUCCESS
  }
  const name = `${first} ${second}` in COMMANDS ? `${first} ${second}` : first
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!entry) return unknown(argv)
  if (entry.script && !isCheckout()) {
    process.stderr.write(
      `${PROGRAM}: error: "${name}" needs a checkout of the repository: run \`${entry.script}\` there\n`,
    )
    return FAILURE
  }
  return run(entry, argv.slice(name.split(' ').length))
}

/** Whether this runs from dist/ of a checkout, and not from a package or an image. */
const isCheckout = () => existsSync(new URL(CHECKOUT_MARK, import.meta.url))
const CHECKOUT_MARK = '../../dev/setup/start.mjs'

function unknown([first, second]: readonly string[]): number {
  const children = Object.keys(COMMANDS).filter(name => name.startsWith(`${first} `))
  const meant = children.length ? undefined : suggest(first, Object.keys(COMMANDS))
  const hint = children.length
    ? `there is: ${children.join(', ')}`
    : meant
      ? `did you mean "${meant}"?`
      : '--help lists them'
  const typed = children.length && second && !second.startsWith('-') ? `${first} ${second}` : first
  process.stderr.write(`${PROGRAM}: error: there is no command "${typed}"; ${hint}\n`)
  return USAGE
}

async function run(entry: Entry, argv: readonly string[]): Promise<number> {
  const command = await entry.load()
  const ending = new AbortController()
  const running = command(invocationOf(argv, ending.signal))
  if (entry.ownSignals) return running
  // A reader that has seen enough, as `head`, is a reason to end and not an error.
  process.stdout.on('error', () => ending.abort())
  let crashed = false
  const { default: closeWithGrace } = await import('close-with-grace')
  const grace = closeWithGrace({ delay: 15_000, logger: false }, async ({ err }) => {
    if (err) {
      crashed = true
      report(err)
    }
    ending.abort()
    await running.catch(() => {})
  })
  const code = await running.finally(() => grace.uninstall())
  return crashed ? FAILURE : code
}

function invocationOf(argv: readonly string[], signal: AbortSignal): Invocation {
  const { env: environment, stdout, stderr } = process
  return { argv, environment, stdout, stderr, signal, version: readVersion() }
}

/** What went wrong, for people; the exit code for scripts. */
function report(error: unknown): number {
  const { name, message, stack, code, problems } = error as NodeJS.ErrnoException & { problems?: unknown[] }
  if (name === 'ConfigError') {
    const lines = message.split('\n').map(line => `${PROGRAM}: error: ${line}\n`)
    process.stderr.write(lines.join(''))
    return problems ? USAGE : FAILURE
  }
  const expected = name === 'KafkaError' || name === 'StartError' || (code && !code.startsWith('ERR_'))
  process.stderr.write(`${PROGRAM}: error: ${expected ? message : (stack ?? String(error))}\n`)
  return FAILURE
}

process.exit(await main(process.argv.slice(2)).catch(report))
