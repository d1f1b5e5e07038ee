import type { Exemplar } from '../metrics/model.js'
import type { SeriesTable } from './series-table.js'

/**
 * Samples of one target at one time: the series of a table, with values or as stale markers.
 */
export interface SampleBlock {
  readonly table: SeriesTable
  /**
   * Values of the target's labels, in the order of the table, as UTF-8 in latin1 characters: those
   * of `table.targetOf`.
   */
  readonly target: readonly string[]
  /** Indexes of the series, ascending; null for all. Only those that the table keeps. */
  readonly indexes: Uint32Array | null
  /** A value for each series of the table; null for stale markers. */
  readonly values: Float64Array | null
  /** Unix ms. */
  readonly time: number
  /** Unix ms for each series of the table, NaN for `time`; null if all have that. */
  readonly times: Float64Array | null
  /** In the order of their series. */
  readonly exemplars: readonly Exemplar[] | null
}

export const samplesOf = ({ table, indexes }: SampleBlock): number =>
  indexes ? indexes.length : table.series
