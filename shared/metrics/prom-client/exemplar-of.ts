import type { Exemplar } from '../model.js'
import type { ExemplarJson } from './metric-json.js'
import { isText, textOf } from './text.js'

/** What OpenMetrics allows for all labels of an exemplar together. */
const CHARACTERS = 128

/**
 * @param series its index, negative for one that is left out
 * @returns null for one that the exposer would refuse, and the whole snapshot with it
 */
export function exemplarOf(series: number, { labelSet, value, timestamp }: ExemplarJson): Exemplar | null {
  if (series < 0 || typeof value !== 'number' || !labelSet) return null
  const labels = Object.entries(labelSet).map(([name, text]) => ({ name, value: textOf(text) }))
  if (labels.some(({ name, value }) => name === '' || !isText(name + value))) return null
  const characters = labels.reduce((sum, { name, value }) => sum + [...name].length + [...value].length, 0)
  if (characters > CHARACTERS || labels.length > CHARACTERS / 2) return null
  const ms = Math.round(Number(timestamp) * 1000)
  return { series, labels, value, timestamp: timestamp && Number.isSafeInteger(ms) ? ms : null }
}
