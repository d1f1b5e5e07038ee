import type { Exemplar } from '../../shared/metrics/model.js'
import type { CompiledLayout } from './compiled-layout.js'
import type { DropReason } from './ledger.js'

/** One record's share of a snapshot, as it is held. */
export interface HeldPart {
  readonly layout: CompiledLayout
  /** Null while `raw` waits to be decoded: during replay only what is newest in the end is worth it. */
  values: Float64Array | null
  raw: Buffer | null
  timestamps: Float64Array | null
  exemplars: readonly Exemplar[] | null
}

/** All of a target at one collection time. Never changed once it is complete, so that a scrape never mixes two. */
export interface Snapshot {
  readonly incarnation: number
  readonly sequence: number
  /** Unix ms by the producer's clock, clamped to within `maxSkewMs` of the append time. */
  readonly collectedAt: number
  /** Unix ms by the broker's clock. */
  readonly appendedAt: number
  /** Wall and monotonic ms by ours. */
  readonly appliedAt: number
  readonly intervalMs: number
  readonly collectSeconds: number
  readonly end: boolean
  readonly parts: readonly HeldPart[]
  readonly series: number
  /** Responses that are reading it: its arrays are not reused while there are any. */
  readers: number
  served: boolean
  /** What the ledger has of it; `outside` for what was read in a replay. */
  fate: 'pending' | 'written' | 'dropped' | 'outside'
  /** Why it is not held any more, while responses still read it. */
  gone: DropReason | null
}
