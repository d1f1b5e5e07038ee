import type { Layout } from '../../metrics/layout.js'
import type { RefusalReason } from '../errors.js'

/**
 * Why series are left out: the reason for which an exposer would refuse the whole snapshot with
 * them.
 */
export type DropReason = Extract<
  RefusalReason,
  'label' | 'reserved' | 'limit' | 'layout' | 'duplicate_series'
>

export interface Drop {
  readonly reason: DropReason
  /** For the owner of the metric. */
  readonly message: string
}

/** How the series of a source stand in a layout. */
export interface Mapping {
  readonly layout: Layout
  /**
   * Where each series, in the order of the source, stands in the layout; −1 for one that is left
   * out.
   */
  readonly order: Int32Array
  /** How many the layout has. */
  readonly series: number
  /** Metrics of which something is left out, by the name that the source gives them, and why. */
  readonly dropped: ReadonlyMap<string, string>
  /** Series that are left out, by reason. */
  readonly droppedSeries: ReadonlyMap<DropReason, number>
}
