import { isText } from '../../metrics/clean-text.js'
import type { Exemplar, Label } from '../../metrics/model.js'

/** What OpenMetrics allows for the names and values of all labels of an exemplar together. */
const CHARACTERS = 128

/**
 * Whether a record may carry an exemplar with these labels: with others the exposer would refuse it
 * whole.
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
 * An exemplar as a record carries it.
 *
 * @param series its index in the layout; negative or undefined for one that is left out
 * @param timestamp Unix milliseconds
 * @returns null for one that is left out
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
