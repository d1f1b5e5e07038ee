import type { FamilyType, Suffix } from './types.js'

/** Which suffixes the series of a family may have, by its type. A counter that was never named `_total` has none. */
export const SUFFIXES_OF: Readonly<Record<FamilyType, readonly Suffix[]>> = {
  unknown: [''],
  gauge: [''],
  counter: ['_total', ''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
}

/** The label of a series that must be a number, if any. */
export function numberLabelOf(type: FamilyType, suffix: Suffix): 'le' | 'quantile' | undefined {
  if (type === 'histogram' && suffix === '_bucket') return 'le'
  return type === 'summary' && suffix === '' ? 'quantile' : undefined
}

/** A name for a message: quoted, and not longer than a line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
