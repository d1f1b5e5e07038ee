import type { Exemplar } from '../../../shared/metrics/model.js'
import type { DropReason } from '../ledger.js'
import type { Target } from '../target.js'
import type { CompiledLayout } from './compiled-layout.js'
import { Held } from './held.js'

/** One record's share of a snapshot. It holds its layout. */
export class SnapshotPart extends Held {
  timestamps: Float64Array | null = null
  exemplars: readonly Exemplar[] | null = null

  /**
   * @param values null while `raw` waits to be decoded: during replay only what is newest in the end is worth it
   */
  constructor(
    readonly layout: CompiledLayout,
    public values: Float64Array | null,
    public raw: Buffer | null,
    /** Of its record, in the partition. */
    readonly offset: number,
  ) {
    super()
  }
}

/** What the ledger has of a snapshot; `outside` for what was read in a replay. */
export type Fate = 'pending' | 'written' | 'dropped' | 'outside'

/** What a snapshot is made of. */
export interface SnapshotFields {
  readonly target: Target
  readonly incarnation: number
  readonly sequence: number
  /** Of the record that completed it, in the partition; its parts have their own. */
  readonly offset: number
  /** Unix ms by the producer's clock, clamped to within `maxSkewMs` of the append time. */
  readonly collectedAt: number
  /** Unix ms by the broker's clock. */
  readonly appendedAt: number
  /** Unix ms by ours. */
  readonly appliedAt: number
  readonly intervalMs: number
  readonly collectSeconds: number
  readonly end: boolean
  /** Why the collection failed, in one line; null for one that did not. A failed collection has no parts. */
  readonly failure: string | null
  readonly parts: readonly SnapshotPart[]
  readonly series: number
  readonly fate: Fate
}

/**
 * All of a target at one collection time, or why nothing could be collected then. It holds its parts. Never changed once it is
 * complete, so that a scrape never mixes two.
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
  /** Changed by booking alone. */
  fate: Fate
  /** Whether a scrape has shown it. */
  served = false
  /** Why its target has it no longer; null while it does. */
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
