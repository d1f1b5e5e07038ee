/** One label. Lists of labels are sorted by the UTF-8 bytes of their names. */
export interface Label {
  readonly name: string
  readonly value: string
}

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

export interface Exemplar {
  /** Index into the part's values. */
  readonly series: number
  readonly labels: readonly Label[]
  readonly value: number
  /** Unix time in milliseconds, or null. */
  readonly timestamp: number | null
}

/** Everything of a record that is not its layout or its values. */
export interface SnapshotHeader {
  /** The target's identifying labels: sorted, `job` among them. */
  readonly target: readonly Label[]
  /** Start of this run of the app, Unix ms. */
  readonly incarnation: number
  /** Which snapshot of this run, from 0, given at collection. */
  readonly sequence: number
  /** Snapshots of this run replaced unsent, so far. */
  readonly superseded: number
  /** Unix ms by the producer's clock, strictly increasing within a run. */
  readonly collectedAt: number
  /** When the next one is due: 1,000 to 120,000 ms. */
  readonly intervalMs: number
  /** How long the app's own collection took, seconds. */
  readonly collectSeconds: number
  /** Which part of the snapshot this record is, from 0, and of how many. */
  readonly part: number
  readonly parts: number
  /** A clean goodbye, with the final values. */
  readonly end: boolean
  /** First 16 bytes of SHA-256 of the uncompressed layout, as a latin1 string of 16 characters. */
  readonly layoutId: string
}
