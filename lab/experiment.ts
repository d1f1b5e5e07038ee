import type { Lab } from './harness/lab.js'
import type { Observations, Verdict } from './types.js'

export type Parameters = Readonly<
  Record<string, number | string | readonly number[] | readonly string[]>
>

/**
 * One experiment. `run` starts the system, injects the faults and measures; `judge` is pure and
 * derives the verdicts from the figures. Everything that `run` starts through `lab` is stopped when
 * it ends, also when it fails.
 */
export interface Experiment<P extends Parameters = Parameters> {
  readonly name: string
  readonly title: string
  /** The operator's question that the experiment answers. */
  readonly question: string
  readonly short: P
  readonly full: P
  /** Parameters of the shortest run that produces every figure and plot. Used by the tests. */
  readonly reduced: P
  /** Expected duration of one repetition in seconds. */
  estimate(parameters: P): number
  run(lab: Lab, parameters: P): Promise<Observations>
  judge(observations: Observations, parameters: P): readonly Verdict[]
}
