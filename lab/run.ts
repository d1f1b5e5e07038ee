import { cpus, release, totalmem, type } from 'node:os'
import type { Experiment, Parameters } from './experiment.js'
import { Lab } from './harness/lab.js'
import type { ExperimentResult, Figure, Observed, Results } from './types.js'

export interface Planned {
  readonly experiment: Experiment
  readonly parameters: Parameters
}

export interface LabRun {
  readonly planned: readonly Planned[]
  readonly edition: Results['edition']
  readonly seed: number
  readonly repetitions: number
  readonly versions: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** @param left seconds, about */
  progress(text: string, left: number): void
}

/**
 * Runs experiment after experiment. One that fails is written down as failed, and the others go on; only a signal ends them all.
 *
 * @throws the signal's reason, when everything has been stopped
 */
export async function runLab(run: LabRun): Promise<Results> {
  const startedAt = new Date()
  const estimates = run.planned.map(
    ({ experiment, parameters }) => experiment.estimate(parameters) * run.repetitions,
  )
  const experiments: ExperimentResult[] = []
  for (const [i, { experiment, parameters }] of run.planned.entries()) {
    const after = estimates.slice(i + 1).reduce((sum, seconds) => sum + seconds, 0)
    experiments.push(await runOne(run, experiment, parameters, estimates[i], after))
  }
  return {
    format: 1,
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    edition: run.edition,
    seed: run.seed,
    versions: run.versions,
    machine: {
      system: `${type()} ${release()}`,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryBytes: totalmem(),
    },
    experiments,
  }
}

async function runOne(
  run: LabRun,
  experiment: Experiment,
  parameters: Parameters,
  estimate: number,
  after: number,
): Promise<ExperimentResult> {
  const { name, title, question } = experiment
  const began = Date.now()
  const seconds = () => (Date.now() - began) / 1000
  const common = { name, title, question, parameters }
  try {
    const observations: Observed[] = []
    for (let repetition = 0; repetition < run.repetitions; repetition++) {
      observations.push(await observe(run, experiment, parameters, repetition, estimate, after))
    }
    const observed = merge(observations)
    return { ...common, ...observed, verdicts: experiment.judge(observed, parameters), seconds: seconds() }
  } catch (error) {
    run.signal.throwIfAborted()
    const failed = (error as Error).message
    run.progress(`${name} failed: ${failed}`, after)
    const nothing = { figures: [], plots: [], notMeasured: [], verdicts: [] }
    return { ...common, ...nothing, seconds: seconds(), failed: (error as Error).stack ?? failed }
  }
}

async function observe(
  run: LabRun,
  experiment: Experiment,
  parameters: Parameters,
  repetition: number,
  estimate: number,
  after: number,
): Promise<Observed> {
  let share = repetition / run.repetitions
  const which = run.repetitions > 1 ? ` ${repetition + 1} of ${run.repetitions}` : ''
  const lab = new Lab({
    // Another repetition is another sample of the same input's distribution; the same run has the same.
    seed: run.seed + repetition,
    signal: run.signal,
    say: text => run.progress(`${experiment.name}${which}: ${text}`, after + estimate * (1 - share)),
    share: done => {
      share = (repetition + Math.min(1, done)) / run.repetitions
    },
  })
  try {
    return await experiment.run(lab, parameters)
  } finally {
    await lab.close()
  }
}

/** The values of all repetitions with their figure; plots and notes of the first, which people can look at. */
function merge(observations: readonly Observed[]): Observed {
  const figures = new Map<string, Figure>()
  for (const figure of observations.flatMap(one => one.figures)) {
    const key = JSON.stringify([figure.name, figure.variant, figure.setting])
    const known = figures.get(key)
    figures.set(key, known ? { ...known, values: [...known.values, ...figure.values] } : figure)
  }
  const [{ plots, notMeasured }] = observations
  return { figures: [...figures.values()], plots, notMeasured }
}
