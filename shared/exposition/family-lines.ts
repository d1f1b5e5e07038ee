import type { FamilyType } from '../metrics/layout.js'
import { escapeHelp } from './escape.js'
import type { Format } from './format.js'
import { latin1, nameText } from './layout-text.js'

/** Metadata of a family. */
export interface FamilyHead {
  /** Without `_total`. */
  readonly name: string
  /**
   * Suffix of the samples of a counter: `_total`, or empty for a counter without `_total` in its
   * name.
   */
  readonly counterSuffix: '' | '_total'
  readonly type: FamilyType
  readonly help: string
  readonly unit: string
}

/**
 * HELP, TYPE and UNIT of a family as latin1 text, each after a line feed. Text formats name a
 * counter with `_total`; OpenMetrics names it without. OpenMetrics has no counters whose samples
 * lack `_total`: they are `unknown` there.
 */
export function familyLines(family: FamilyHead, format: Format): string {
  const openMetrics = format.name === 'openmetrics-1.0.0'
  const bare = openMetrics && family.type === 'counter' && family.counterSuffix === ''
  const { text: name } = nameText(
    openMetrics ? family.name : family.name + family.counterSuffix,
    format.escaping,
  )
  const type = bare
    ? 'unknown'
    : !openMetrics && family.type === 'unknown'
      ? 'untyped'
      : family.type
  let lines = `\n# HELP ${name} ${escapeHelp(family.help, openMetrics)}\n# TYPE ${name} ${type}`
  if (openMetrics && family.unit !== '' && family.name.endsWith(`_${family.unit}`)) {
    lines += `\n# UNIT ${name} ${family.unit}`
  }
  return latin1(lines)
}
