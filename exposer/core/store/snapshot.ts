import type { Exemplar } from '../../../shared/metrics/model.js'
import type { DropReason } from '../ledger.js'
import type { Target } from '../target.js'
import type { CompiledLayout } from './compiled-layout.js'
import { Held } from './held.js'

/** The part of a snapshot in one record. It holds its layout. */
export class SnapshotPart extends Held {
  timestamps: Float64Array | null = null
  exemplars: readonly Exemplar[] | null = null

  /**
   * @param values null before `raw` is decoded: during a replay only the newest snapshots are
   * decoded at last
   */
  constructor(
    readonly layout: CompiledLayout,
    public values: Float64Array | null,
    public raw: Buffer | null,
    /** Offset of its record. */
    readonly offset: number,
  ) {
    super()
  }
}

/**
 * State of a snapshot in the ledger; `outside` if it was read in a replay and is not in the ledger.
 */
export type Fate = 'pending' | 'written' | 'dropped' | 'outside'

export interface SnapshotFields {
  readonly target: Target
  readonly incarnation: number
  readonly sequence: number
  /** Offset of the record that completed it. */
  readonly offset: number
  /** Unix ms by the producer's clock, clamped to within `maxSkewMs` of the append time. */
  readonly collectedAt: number
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
  readonly fate: Fate
}

/**
 * All series of a target at one collection time, or the reason of a failed collection. It holds its
 * parts. Its content never changes.
 */
export class Snapshot extends Held implements SnapshotFields {
  readonly target: Target
  readonly incarnation: number
  readonly sequence: number
  readonly offset: number
  readonly collectedAt: number
  readonly appendedAt: number
  readonly appliedAt: number
  readonly intervalMs: number
  readonly collectSeconds: number
  readonly end: boolean
  readonly failure: string | null
  readonly parts: readonly SnapshotPart[]
  readonly series: number
  /** Changed by booking.ts only. */
  fate: Fate
  /** Whether `/target` has exposed it. */
  exposed = false
  /** Why it was removed from its target; null before. */
  retired: DropReason | null = null

  constructor(fields: SnapshotFields) {
    super()
    this.target = fields.target
    this.incarnation = fields.incarnation
    this.sequence = fields.sequence
    this.offset = fields.offset
    this.collectedAt = fields.collectedAt
    this.appendedAt = fields.appendedAt
    this.appliedAt = fields.appliedAt
    this.intervalMs = fields.intervalMs
    this.collectSeconds = fields.collectSeconds
    this.end = fields.end
    this.failure = fields.failure
    this.parts = fields.parts
    this.series = fields.series
    this.fate = fields.fate
  }
}
