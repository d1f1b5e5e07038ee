import { sortLabels } from '../labels.js'
import type { Exemplar } from '../model.js'
import type { ExemplarJson } from './metric-json.js'
import { textOf } from './text-of.js'

/** Converts an exemplar. @returns null if it has no labels or no value */
export function exemplarOf({
  labelSet,
  value,
  timestamp,
}: ExemplarJson): Omit<Exemplar, 'series'> | null {
  if (typeof value !== 'number' || !labelSet) return null
  const labels = Object.entries(labelSet).map(([name, text]) => ({ name, value: textOf(text) }))
  return {
    labels: labels.length > 1 ? sortLabels(labels) : labels,
    value,
    timestamp: timestamp ? Math.round(Number(timestamp) * 1000) : null,
  }
}
