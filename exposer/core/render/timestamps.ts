import type { SampleTimes } from '../../../shared/exposition/series-lines.js'
import type { Snapshot, SnapshotPart } from '../store/snapshot.js'

/** Values of `--exposition.timestamps` and of `?__timestamps=`. */
export const TIMESTAMPS = ['none', 'playout', 'collection'] as const
/**
 * Timestamps of the samples of a virtual target: none, the playout time of the snapshot, or its
 * collection time. A sample with a timestamp of its own has that one, as in a direct scrape.
 */
export type Timestamps = (typeof TIMESTAMPS)[number]

/** The timestamps of the samples of a part; null without any. */
export function timesOf(
  timestamps: Timestamps,
  { collectedAt, isClamped, playoutAt }: Snapshot,
  { timestamps: own }: SnapshotPart,
  openMetrics: boolean,
): SampleTimes | null {
  switch (timestamps) {
    case 'none':
      return null
    case 'collection':
      return { own, common: collectedAt, openMetrics }
    case 'playout':
      return {
        // If the clock of the application is wrong, so are its own timestamps.
        own: isClamped ? null : own,
        // In a record with timestamps, samples without one have the collection time.
        missing: collectedAt,
        common: playoutAt,
        openMetrics,
      }
  }
}
