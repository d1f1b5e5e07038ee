import { runNow } from '../base/steps.js'
import { mapSources } from '../snapshot/mapping/sources.js'
import { publicationPlan } from './plan.js'
import type { Sample } from './sample.js'

/** Sample of a target without series. */
export const EMPTY_SAMPLE: Sample = {
  parts: runNow(publicationPlan(without => mapSources([], without), false)).parts,
  values: new Float64Array(),
  timestamps: null,
  exemplars: null,
}
