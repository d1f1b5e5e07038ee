import type { Experiment } from '../experiment.js'
import { asynchrony } from './asynchrony.js'

/** In the order in which they are run. */
export const EXPERIMENTS: readonly Experiment[] = [asynchrony as unknown as Experiment]
