import { cpus, release, totalmem, type } from 'node:os'
import type { Experiment, Parameters } from './experiment.js'
import { mergeFigures } from './figures.js'
import { Lab } from './harness/lab.js'
import type { ExperimentResult, Observations, Results } from './types.js'

export interface PlannedExperiment {
  readonly experiment: Experiment
  readonly parameters: Parameters
}

export interface LabRun {
  readonly planned: readonly PlannedExperiment[]
  readonly edition: Results['edition']
  readonly seed: number
  readonly repetitions: number
  readonly versions: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** @param left estimate of the remaining time in seconds */
  progress(text: string, left: number): void
}

/**
 * Runs the experiments one after the other. A failed experiment is recorded as failed and the next
 * one runs; only the signal ends the whole run.
 *
 * @throws the signal's reason, after everything has been stopped
 */
export async function runLab(run: LabRun): Promise<Results> {
  const startedAt = new Date()
  const estimates = run.planned.map(
    ({ experiment, parameters }) => experiment.estimate(parameters) * run.repetitions,
  )
  const experiments: ExperimentResult[] = []
  for (const [i, { experiment, parameters }] of run.planned.entries()) {
    const secondsAfter = estimates.slice(i + 1).reduce((sum, seconds) => sum + seconds, 0)
    experiments.push(await runExperiment(run, experiment, parameters, estimates[i], secondsAfter))
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

/** @param secondsAfter estimated duration of the experiments that follow */
async function runExperiment(
  run: LabRun,
  experiment: Experiment,
  parameters: Parameters,
  estimate: number,
  secondsAfter: number,
): Promise<ExperimentResult> {
  const { name, title, question } = experiment
  const start = Date.now()
  const seconds = () => (Date.now() - start) / 1000
  const common = { name, title, question, parameters }
  try {
    const repetitions: Observations[] = []
    for (let repetition = 0; repetition < run.repetitions; repetition++) {
      repetitions.push(
        await runRepetition(run, experiment, parameters, repetition, estimate, secondsAfter),
      )
    }
    const merged = merge(repetitions)
    return {
      ...common,
      ...merged,
      verdicts: experiment.judge(merged, parameters),
      seconds: seconds(),
    }
  } catch (error) {
    run.signal.throwIfAborted()
    const failed = (error as Error).message
    run.progress(`${name} failed: ${failed}`, secondsAfter)
    const empty = { figures: [], plots: [], notMeasured: [], verdicts: [] }
    return { ...common, ...empty, seconds: seconds(), failed: (error as Error).stack ?? failed }
  }
}

async function runRepetition(
  run: LabRun,
  experiment: Experiment,
  parameters: Parameters,
  repetition: number,
  estimate: number,
  secondsAfter: number,
): Promise<Observations> {
  let completed = repetition / run.repetitions
  const ordinal = run.repetitions > 1 ? ` ${repetition + 1} of ${run.repetitions}` : ''
  const lab = new Lab({
    // Each repetition draws a new sample of the input; two runs with one seed draw the same
    // samples.
    seed: run.seed + repetition,
    signal: run.signal,
    onStep: text =>
      run.progress(
        `${experiment.name}${ordinal}: ${text}`,
        secondsAfter + estimate * (1 - completed),
      ),
    onCompletion: fraction => {
      completed = (repetition + Math.min(1, fraction)) / run.repetitions
    },
  })
  try {
    return await experiment.run(lab, parameters)
  } finally {
    await lab.close()
  }
}

/** The figures of all repetitions; plots and unmeasured quantities of the first repetition only. */
function merge(repetitions: readonly Observations[]): Observations {
  const [{ plots, notMeasured }] = repetitions
  return {
    figures: mergeFigures(repetitions.flatMap(({ figures }) => figures)),
    plots,
    notMeasured,
  }
}
