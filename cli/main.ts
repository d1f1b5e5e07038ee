import { existsSync } from 'node:fs'
import { programHelp } from '../shared/base/flags/help.js'
import { suggest } from '../shared/base/flags/suggest.js'
import { runUntilSignal } from '../shared/base/signals.js'
import { preferMemory } from './agent/process-memory.js'
import type { Command, Invocation } from './common.js'
import { readVersion, versionText } from './version.js'

/**
 * A command of `kafka-exposer`. Its module is loaded when it is called, so that help and version
 * are fast.
 */
interface Entry {
  readonly summary: string
  load(): Promise<Command>
  /** The npm script that runs it. A command with a script works only in a checkout. */
  readonly script?: string
  /** How long it may take to end after a signal, ms. Undefined: no limit. */
  readonly graceMs?: number
  /** Called before it is loaded, to set up the process. */
  readonly prepare?: typeof preferMemory
  /** SIGHUP reloads its configuration, and does not end it. */
  readonly reloads?: boolean
}

const GRACE_MS = 15_000
/** A gateway writes a snapshot of all that it holds. */
const GATEWAY_GRACE_MS = 25_000

const COMMANDS: Readonly<Record<string, Entry>> = {
  exposer: {
    summary: 'Run a shard: read snapshots from Kafka and serve them to Prometheus.',
    load: async () => (await import('./exposer.js')).exposer,
    graceMs: GRACE_MS,
  },
  gateway: {
    summary: 'Run a gateway: a Pushgateway whose state is in Kafka or Redis.',
    load: async () => (await import('./gateway.js')).gateway,
    graceMs: GATEWAY_GRACE_MS,
  },
  agent: {
    summary: 'Run an agent: collect the metrics of this machine and scrape targets.',
    load: async () => (await import('./agent.js')).agent,
    graceMs: GRACE_MS,
    reloads: true,
    prepare: preferMemory,
  },
  'topic create': {
    summary:
      'Create the topics of a program with the required settings, and list the ACLs to grant.',
    load: async () => (await import('./topic.js')).create,
    graceMs: GRACE_MS,
  },
  'topic check': {
    summary: 'Check the settings of the topics of a program, and list the ACLs to grant.',
    load: async () => (await import('./topic.js')).check,
    graceMs: GRACE_MS,
  },
  tail: {
    summary: 'Print the decoded records of the topic, one per line, and why a record is refused.',
    load: async () => (await import('./tail.js')).tail,
    graceMs: GRACE_MS,
  },
  lab: {
    summary: 'Measure the cost of a queue in front of Prometheus.',
    load: async () => (await import('./lab.js')).lab,
    script: 'npm run lab',
    graceMs: GRACE_MS,
  },
  dev: {
    summary: 'Run the whole pipeline on this machine, including Kafka and Prometheus.',
    load: async () => (await import('./dev.js')).dev,
    script: 'npm start',
  },
}

const PROGRAM = 'kafka-exposer'
const DESCRIPTION = 'Kafka between applications and Prometheus: a sharded exposer and its tools.'

const SUCCESS = 0
const FAILURE = 1
const USAGE = 2
/** Another process has the identity of this one. Units and containers do not restart it. */
const DUPLICATE = 3

async function main(argv: readonly string[]): Promise<number> {
  const [first = '', second = ''] = argv
  if (argv.length === 0 || ['help', '--help', '-h'].includes(first)) {
    const rows = Object.entries(COMMANDS).map(([name, { summary }]): [string, string] => [
      name,
      summary,
    ])
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

/** Whether this program runs from dist/ of a checkout. A package or an image is not a checkout. */
const isCheckout = () => existsSync(new URL(CHECKOUT_MARK, import.meta.url))
const CHECKOUT_MARK = '../../dev/setup/start.mjs'

function unknown([first, second]: readonly string[]): number {
  const children = Object.keys(COMMANDS).filter(name => name.startsWith(`${first} `))
  const meant = children.length ? undefined : suggest(first, Object.keys(COMMANDS))
  const hint = children.length
    ? `available: ${children.join(', ')}`
    : meant
      ? `did you mean "${meant}"?`
      : '--help lists all commands'
  const typed = children.length && second && !second.startsWith('-') ? `${first} ${second}` : first
  process.stderr.write(`${PROGRAM}: error: unknown command "${typed}"; ${hint}\n`)
  return USAGE
}

async function run(
  { load, graceMs, reloads = false, prepare }: Entry,
  argv: readonly string[],
): Promise<number> {
  prepare?.(argv, process.env)
  const command = await load()
  // When the reader of standard output exits, as `head` does, the command ends without an error.
  const closed = new AbortController()
  process.stdout.on('error', () => closed.abort())
  return runUntilSignal(
    ending => command(invocationOf(argv, AbortSignal.any([ending, closed.signal]))),
    {
      graceMs,
      endsOnHangup: !reloads,
      report,
      warn: message => process.stderr.write(`${PROGRAM}: ${message}\n`),
    },
  )
}

function invocationOf(argv: readonly string[], signal: AbortSignal): Invocation {
  const { env: environment, stdout, stderr } = process
  return { argv, environment, stdout, stderr, signal, version: readVersion() }
}

/** Prints an error, with its stack only if it is unexpected. @returns the exit code */
function report(error: unknown): number {
  const { name, message, stack, code, problems } = error as NodeJS.ErrnoException & {
    problems?: unknown[]
  }
  if (name === 'ConfigError') {
    const lines = message.split('\n').map(line => `${PROGRAM}: error: ${line}\n`)
    process.stderr.write(lines.join(''))
    return problems ? USAGE : FAILURE
  }
  const isDuplicate = name === 'DuplicateError'
  const expected =
    isDuplicate ||
    name === 'KafkaError' ||
    name === 'StartError' ||
    (code && !code.startsWith('ERR_'))
  process.stderr.write(`${PROGRAM}: error: ${expected ? message : (stack ?? String(error))}\n`)
  return isDuplicate ? DUPLICATE : FAILURE
}

process.exit(await main(process.argv.slice(2)).catch(report))
