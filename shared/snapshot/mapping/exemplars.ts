import { isText } from '../../metrics/clean-text.js'
import type { Exemplar, Label } from '../../metrics/model.js'

/** Maximum characters of all labels of an exemplar together, as in OpenMetrics. */
const CHARACTERS = 128

/**
 * Whether a record may contain an exemplar with these labels. Otherwise the exposer would refuse
 * the record.
 */
function areAllowed(labels: readonly Label[]): boolean {
  if (labels.length > CHARACTERS / 2) return false
  const names = new Set<string>()
  let characters = 0
  for (const { name, value } of labels) {
    if (name === '' || names.has(name) || !isText(name) || !isText(value)) return false
    names.add(name)
    for (const _ of name + value) if (++characters > CHARACTERS) return false
  }
  return true
}

/**
 * Converts an exemplar to that of a record.
 *
 * @param series its index in the layout; negative or undefined for a dropped series
 * @param timestamp Unix milliseconds
 * @returns null for a dropped exemplar
 */
export function carriedExemplar(
  series: number | undefined,
  exemplar: Omit<Exemplar, 'series'>,
): Exemplar | null {
  const { labels, value, timestamp } = exemplar
  if (series === undefined || series < 0 || !areAllowed(labels)) return null
  const ms = timestamp === null ? null : Math.round(timestamp)
  return { series, labels, value, timestamp: Number.isSafeInteger(ms) ? ms : null }
}
