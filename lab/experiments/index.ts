import type { Experiment } from '../experiment.js'
import { asynchrony } from './asynchrony.js'
import { discovery } from './discovery.js'
import { outage } from './outage.js'
import { replicas } from './replicas.js'

/** In the order in which they are run. */
export const EXPERIMENTS = [outage, asynchrony, discovery, replicas] as unknown as readonly Experiment[]
