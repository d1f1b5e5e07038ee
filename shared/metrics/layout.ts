import type { Label } from './model.js'

/** The family types a layout can carry, in the order of the schema's enum. */
export const FAMILY_TYPES = ['unknown', 'counter', 'gauge', 'histogram', 'summary'] as const
export type FamilyType = (typeof FAMILY_TYPES)[number]

/** What a series adds to its family's name. */
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

/** What rarely changes in a snapshot: its families and the order of its series. */
export interface Layout {
  readonly families: readonly LayoutFamily[]
}

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
