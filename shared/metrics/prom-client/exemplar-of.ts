import type { Exemplar } from '../../snapshot/types.js'
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

/**
 * The exemplars of a part, by index into its values, as many as there is room for in its record.
 *
 * @param bytes the room
 */
export function exemplarsWithin(
  exemplars: readonly Exemplar[] | null,
  { from, to }: { readonly from: number; readonly to: number },
  bytes: number,
): Exemplar[] | null {
  if (!exemplars) return null
  let left = bytes
  const kept: Exemplar[] = []
  for (const exemplar of exemplars) {
    if (exemplar.series < from || exemplar.series >= to) continue
    left -=
      40 + exemplar.labels.reduce((sum, { name, value }) => sum + 4 + Buffer.byteLength(name + value), 0)
    if (left < 0) break
    kept.push({ ...exemplar, series: exemplar.series - from })
  }
  return kept.length > 0 ? kept : null
}
