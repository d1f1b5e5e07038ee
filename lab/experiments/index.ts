import type { Experiment } from '../experiment.js'
import { asynchrony } from './asynchrony.js'
import { discovery } from './discovery.js'
import { load } from './load.js'
import { outage } from './outage.js'
import { replicas } from './replicas.js'
import { scale } from './scale.js'

/** In the order in which they are run. */
export const EXPERIMENTS = [
  outage,
  asynchrony,
  scale,
  discovery,
  replicas,
  load,
] as unknown as readonly Experiment[]
