import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { runCommand } from '../dev/local/run-command.js'
import { fetchPart } from '../dev/local/supply.js'
import { EXPERIMENTS } from '../lab/experiments/index.js'
import { type Overrides, parametersOf, parseOverride } from '../lab/parameters.js'
import { renderComparison } from '../lab/report/compare.js'
import { writeReport } from '../lab/report/report.js'
import { readResults } from '../lab/report/results.js'
import { renderTable } from '../lab/report/table.js'
import { type PlannedExperiment, runLab } from '../lab/run.js'
import { actionFlag, flag, integer, list, text } from '../shared/base/flags/builders.js'
import { ConfigError, type Values } from '../shared/base/flags/types.js'
import { type Command, commonFlags, type Invocation, readFlags } from './common.js'

const NAMES = EXPERIMENTS.map(({ name }) => name)

const flags = {
  ...commonFlags,
  experiment: list(text, {
    placeholder: '<name>',
    help: `Experiments to run, separated by commas. Default: all. Available: ${NAMES.join(', ')}.`,
  }),
  full: actionFlag(
    'Run the long edition: longer outages and windows, more sizes, elections, three repetitions. It takes more than an hour.',
  ),
  seed: flag(integer(0, 2 ** 31 - 1), {
    default: '1',
    help: 'Seed of the generated input.',
  }),
  repetitions: flag(integer(1, 100), {
    placeholder: '<n>',
    help: 'Number of runs of each experiment. Default: 1, or 3 with --full.',
  }),
  set: list(text, {
    placeholder: '<experiment.name=value>',
    help: 'Override a parameter of an experiment. List items are separated by +. The report lists all parameters.',
  }),
  parameters: flag(text, {
    placeholder: '<file>',
    help: 'YAML file that overrides parameters. Its keys are experiments, its values are maps of parameters.',
  }),
  report: flag(text, {
    default: 'report',
    help: 'Output folder of index.html and results.json.',
  }),
  compare: flag(text, {
    placeholder: '<results.json>',
    help: 'Print the differences from an earlier run.',
  }),
}

const description = {
  name: 'lab',
  description:
    'Measures the cost of a queue in front of Prometheus: the same applications are scraped directly, through naive exposers and through this exposer, with a real Kafka and a real Prometheus. The result is a verdict for each claim, printed in the terminal and written to a report. Ctrl-C stops everything that it started.',
  flags,
}

const INTERRUPTED = 130

/** `kafka-exposer lab` */
export const lab: Command = async invocation => {
  try {
    return await measure(invocation)
  } catch (error) {
    if (!invocation.signal.aborted) throw error
    invocation.stderr.write('interrupted: all started programs are stopped; no report is written\n')
    return INTERRUPTED
  }
}

async function measure(invocation: Invocation): Promise<number> {
  const values = readFlags(description, invocation)
  if (!values) return 0
  const planned = await prepare(values)
  const { compare } = values
  const old =
    compare === undefined ? undefined : await blame('--compare', () => readResults(compare))
  const start = Date.now()
  const progress = (message: string) => {
    const seconds = ((Date.now() - start) / 1000).toFixed(0).padStart(4)
    invocation.stderr.write(`[${seconds} s] ${message}\n`)
  }
  const results = await runLab({
    planned,
    edition:
      values.set.length > 0 || values.parameters !== undefined
        ? 'custom'
        : values.full
          ? 'full'
          : 'short',
    seed: values.seed,
    repetitions: values.repetitions ?? (values.full ? 3 : 1),
    versions: await versions(invocation.version, progress),
    signal: invocation.signal,
    progress: (message, left) => progress(`${message} (about ${minutes(left)} left)`),
  })
  const { columns } = invocation.stdout
  const { html, json } = await writeReport(results, values.report)
  invocation.stdout.write(
    `\n${renderTable(results, { color: columns !== undefined, width: columns ?? 160 })}\n\n`,
  )
  if (old) invocation.stdout.write(`${renderComparison(old, results)}\n\n`)
  invocation.stdout.write(`Report: ${html}\nAll figures: ${json}\n`)
  return results.experiments.some(({ failed }) => failed !== undefined) ? 1 : 0
}

/** @throws ConfigError before anything is started */
async function prepare(values: Values<typeof flags>): Promise<PlannedExperiment[]> {
  refuseUnknown('--experiment', values.experiment)
  const overrides = await blame(PARAMETERS, () => overridesOf(values))
  refuseUnknown(PARAMETERS, Object.keys(overrides))
  return blame(PARAMETERS, () => plan(values, overrides))
}

const PARAMETERS = '--set, --parameters'

/** Runs `work`. @throws ConfigError that reports an error of `work` as a problem of the flag */
async function blame<T>(flag: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new ConfigError([{ flag, message: (error as Error).message }])
  }
}

function refuseUnknown(flag: string, names: readonly string[]): void {
  const unknown = names.filter(name => !NAMES.includes(name))
  if (unknown.length === 0) return
  const message = `unknown experiment ${unknown.join(', ')}; available: ${NAMES.join(', ')}`
  throw new ConfigError([{ flag, message }])
}

function plan(values: Values<typeof flags>, overrides: Overrides) {
  return EXPERIMENTS.filter(
    ({ name }) => values.experiment.length === 0 || values.experiment.includes(name),
  ).map(experiment => ({
    experiment,
    parameters: parametersOf(experiment, values.full ? 'full' : 'short', overrides),
  }))
}

function overridesOf({ set, parameters }: Values<typeof flags>): Overrides {
  const overrides: Record<string, Record<string, unknown>> = {}
  if (parameters !== undefined) {
    const given = parse(readFileSync(parameters, 'utf8')) as Overrides | null
    for (const [name, values] of Object.entries(given ?? {})) overrides[name] = { ...values }
  }
  for (const [experiment, name, value] of set.map(parseOverride)) {
    overrides[experiment] = { ...overrides[experiment], [name]: value }
  }
  return overrides
}

async function versions(
  own: string,
  log: (message: string) => void,
): Promise<Record<string, string>> {
  const binary = await fetchPart('prometheus', log)
  const { stdout } = await runCommand(binary, ['--version'])
  return {
    'kafka-exposer': own,
    Node: process.versions.node,
    Prometheus: /version (\S+)/.exec(stdout)?.[1] ?? 'unknown',
  }
}

const minutes = (seconds: number) =>
  seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`
