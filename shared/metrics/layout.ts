import type { Label } from './model.js'

/** The family types a layout can carry, in the order of the schema's enum. */
export const FAMILY_TYPES = ['unknown', 'counter', 'gauge', 'histogram', 'summary'] as const
export type FamilyType = (typeof FAMILY_TYPES)[number]

/** Suffixes that a series can add to the name of its family. */
export const SUFFIXES = ['', '_total', '_bucket', '_sum', '_count'] as const
export type Suffix = (typeof SUFFIXES)[number]

export interface LayoutSeries {
  readonly suffix: Suffix
  /** Sorted; `le` and `quantile` are ordinary labels with canonical float text. */
  readonly labels: readonly Label[]
}

export interface LayoutFamily {
  /** Without `_total`. */
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly unit: string
  readonly series: readonly LayoutSeries[]
}

/** The part of a snapshot that rarely changes: its families and the order of its series. */
export interface Layout {
  readonly families: readonly LayoutFamily[]
}

/**
 * Suffixes that the series of a family may have, by type. A counter whose exposed name has no
 * `_total` has the empty suffix.
 */
export const SUFFIXES_OF: Readonly<Record<FamilyType, readonly Suffix[]>> = {
  unknown: [''],
  gauge: [''],
  counter: ['_total', ''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
}

/** Returns the label of a series whose value must be a number, if any. */
export function numberLabelOf(type: FamilyType, suffix: Suffix): 'le' | 'quantile' | undefined {
  if (type === 'histogram' && suffix === '_bucket') return 'le'
  return type === 'summary' && suffix === '' ? 'quantile' : undefined
}
