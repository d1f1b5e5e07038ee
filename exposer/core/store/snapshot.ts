import type { Exemplar } from '../../../shared/metrics/model.js'
import type { DropReason } from '../ledger.js'
import type { Target } from '../target.js'
import type { CompiledLayout } from './compiled-layout.js'
import type { Held } from './held.js'

/** The part of a snapshot in one record. It holds its layout. */
export interface SnapshotPart extends Held {
  readonly kind: 'part'
  readonly layout: CompiledLayout
  /**
   * Null before `raw` is decoded: during a replay only the newest snapshots are decoded at last.
   */
  values: Float64Array | null
  raw: Buffer | null
  timestamps: Float64Array | null
  /** In the order of their series. */
  exemplars: readonly Exemplar[] | null
  /** Estimated size of the exemplars. */
  exemplarBytes: number
  /** Offset of its record. */
  readonly offset: number
}

/** Whether a replay left none of its parts undecoded. */
export function isDecoded({ parts }: Snapshot): boolean {
  return parts.every(({ raw }) => raw === null)
}

/**
 * State of a snapshot in the ledger; `outside` if it was read in a replay and is not in the ledger.
 */
export type Fate = 'pending' | 'written' | 'dropped' | 'outside'

/**
 * All series of a target at one collection time, or the reason of a failed collection. It holds its
 * parts. Its content never changes.
 */
export interface Snapshot extends Held {
  readonly kind: 'snapshot'
  readonly target: Target
  readonly incarnation: number
  readonly sequence: number
  /** Offset of the record that completed it. */
  readonly offset: number
  /** Unix ms by the producer's clock, clamped to within `maxSkewMs` of the append time. */
  readonly collectedAt: number
  readonly isClamped: boolean
  /** Unix ms by the broker's clock. */
  readonly appendedAt: number
  /** Unix ms by this shard's clock. */
  readonly appliedAt: number
  readonly intervalMs: number
  readonly collectSeconds: number
  readonly end: boolean
  /**
   * Why the collection failed, in one line; null if it succeeded. A failed collection has no parts.
   */
  readonly failure: string | null
  readonly parts: readonly SnapshotPart[]
  readonly series: number
  /**
   * Playout time, Unix ms: the time of its samples with `timestamps=playout`. Infinity if its
   * successor is exposed in its place. Set by `PlayoutTimes`.
   */
  playoutAt: number
  /** Position in the history, set by it; 0 if it was not added. */
  position: number
  /** Changed by booking.ts only. */
  fate: Fate
  /** Whether `/target` has exposed it. */
  exposed: boolean
  /** Why it was removed from its target; null before. */
  retired: DropReason | null
}
