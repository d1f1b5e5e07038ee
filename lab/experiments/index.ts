import type { Experiment } from '../experiment.js'
import { asynchrony } from './asynchrony.js'
import { outage } from './outage.js'

/** In the order in which they are run. */
export const EXPERIMENTS: readonly Experiment[] = [outage, asynchrony] as unknown as readonly Experiment[]
