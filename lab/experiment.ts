import type { Lab } from './harness/lab.js'
import type { Observed, Verdict } from './types.js'

export type Parameters = Readonly<Record<string, number | string | readonly number[] | readonly string[]>>

/**
 * One experiment: arrange, act, observe in `run`, and what the figures say in `judge`, which is pure. Everything that it
 * starts by `lab` is stopped when it ends, whatever happens.
 */
export interface Experiment<P extends Parameters = Parameters> {
  readonly name: string
  readonly title: string
  /** The question that it answers, as somebody who has to decide would ask it. */
  readonly question: string
  readonly short: P
  readonly full: P
  /** Of the smallest run that still shows everything: for the tests. */
  readonly reduced: P
  /** How long it will take, seconds. */
  estimate(parameters: P): number
  run(lab: Lab, parameters: P): Promise<Observed>
  judge(observed: Observed, parameters: P): readonly Verdict[]
}
