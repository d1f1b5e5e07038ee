import {
  isLegacyMetricName,
  METRIC_CHARACTER,
  underscores,
} from '../../../shared/exposition/escape.js'
import type { FamilyHead } from '../../../shared/exposition/family-lines.js'
import type { Format } from '../../../shared/exposition/format.js'

/** Manners in which names are written. Two families may have the same name in one of them only. */
export const WRITINGS = ['text', 'text escaped', 'openmetrics', 'openmetrics escaped'] as const
export type Writing = (typeof WRITINGS)[number]

export function writingOf({ name, escaping }: Format): Writing {
  const format = name === 'openmetrics-1.0.0' ? 'openmetrics' : 'text'
  return escaping === 'underscores' ? `${format} escaped` : format
}

/** The name in the metadata of a family. OpenMetrics names a counter without `_total`. */
export function writtenName(family: FamilyHead, writing: Writing): string {
  const { name, counterSuffix } = family
  return writing.startsWith('openmetrics')
    ? escapedFor(name, writing)
    : escapedFor(name + counterSuffix, writing)
}

/**
 * The names of a family and of its samples. In a valid exposition no other family has one of them.
 */
export function writtenNames(family: FamilyHead, writing: Writing): readonly string[] {
  const own = writtenName(family, writing)
  const { type, counterSuffix } = family
  if (type === 'histogram') return [own, `${own}_bucket`, `${own}_sum`, `${own}_count`]
  if (type === 'summary') return [own, `${own}_sum`, `${own}_count`]
  if (counterSuffix !== '' && writing.startsWith('openmetrics')) return [own, own + counterSuffix]
  return [own]
}

/** The names of a family and of its samples in all writings together. */
export function allNames(family: FamilyHead): readonly string[] {
  const plain = namesInAnyFormat(family.name, family)
  if (isLegacyMetricName(family.name)) return plain
  return [...plain, ...namesInAnyFormat(underscores(family.name, METRIC_CHARACTER), family)]
}

/** A counter has the same names in text, and in OpenMetrics its name without `_total` besides. */
function namesInAnyFormat(name: string, { type, counterSuffix }: FamilyHead): string[] {
  if (type === 'histogram') return [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]
  if (type === 'summary') return [name, `${name}_sum`, `${name}_count`]
  return counterSuffix === '' ? [name] : [name, name + counterSuffix]
}

function escapedFor(name: string, writing: Writing): string {
  return writing.endsWith('escaped') && !isLegacyMetricName(name)
    ? underscores(name, METRIC_CHARACTER)
    : name
}
