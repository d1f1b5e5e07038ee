import type { Layout } from '../../metrics/layout.js'
import type { RefusalReason } from '../errors.js'

/** Reasons for dropping series: those for which an exposer would refuse the whole snapshot. */
export type DropReason = Extract<
  RefusalReason,
  'label' | 'reserved' | 'limit' | 'layout' | 'duplicate_series'
>

export interface Drop {
  readonly reason: DropReason
  /** One sentence for the author of the metric: what is wrong, and what to do. */
  readonly message: string
}

/** Mapping of the series of a source to a layout. */
export interface Mapping {
  readonly layout: Layout
  /** Index in the layout of each series of the source; −1 for a dropped one. */
  readonly order: Int32Array
  /** Number of series of the layout. */
  readonly series: number
  /** Metrics with dropped series, by their name in the source, with the reason. */
  readonly dropped: ReadonlyMap<string, string>
  /** Number of dropped series by reason. */
  readonly droppedSeries: ReadonlyMap<DropReason, number>
}
