import type { Steps } from '../../shared/base/steps.js'
import type { Label } from '../../shared/metrics/model.js'
import type { Outcome } from './types.js'
import type { Held, PushView } from './view.js'

/** A record of the log as it was fetched. */
export interface FetchedRecord {
  readonly offset: number
  /** Append time, Unix ms. */
  readonly time: number
  readonly value: Buffer
}

/** What became of a record. Equal at every gateway, also in a replay. */
export type Applied =
  | {
      readonly kind: 'applied'
      readonly id: Buffer
      readonly outcome: Outcome
      /** Whether the id was applied before: the outcome is the first one's. */
      readonly repeated: boolean
    }
  /** The record cannot be decoded. It is counted and skipped. */
  | { readonly kind: 'malformed'; readonly reason: string }
  /** The record is of a version that this program does not know: it must not go on. */
  | { readonly kind: 'newer_version'; readonly version: number }

/** A push group that was deleted or has expired. */
export interface Tombstone {
  readonly labels: readonly Label[]
  /** Log time of the record that removed it, Unix ms. */
  readonly removedAt: number
}

/** The whole state at one offset, which does not change while the machine goes on. */
export interface FrozenState {
  /** Offset of the next record to apply. */
  readonly offset: number
  /** Log time, Unix ms. */
  readonly time: number
  /** The record before the offset; null if the state is that of an empty log. */
  readonly last: { readonly time: number; readonly id: Buffer } | null
  /**
   * The state in parts of about a mebibyte, or of one push group if that is larger. Empty parts are
   * pauses.
   */
  parts(): Generator<Buffer>
  /** Must be called once, when the parts are no longer needed. */
  release(): void
}

/**
 * The state machine: the fold of the log. Nothing but records changes it, and it reads neither
 * clocks nor configuration, so that it is the same at every gateway at the same offset.
 */
export interface StateMachine {
  /** Offset of the next record to apply. */
  readonly offset: number
  /** Log time: the greatest append time of the applied records, Unix ms. */
  readonly time: number
  /** Whether time matters: something can expire, or a tombstone is kept. */
  readonly needsTime: boolean
  /**
   * Applies the record at `offset` in steps. In between, views show each push group as it was before
   * or as it is after the record; a wipe and ingested series go on one by one. Before it is applied,
   * what expired before its time is removed. Never throws.
   */
  apply(record: FetchedRecord): Steps<Applied>
  /** Skips offsets that the log no longer has or never had. */
  skipTo(offset: number): void
  /** @param time log time, carried on between records by a monotonic clock; hides what is due */
  view(time: number): PushView
  held(): Held
  tombstones(): Iterable<Tombstone>
  /** Expired push groups and series since the start of this program. */
  readonly expired: number
  freeze(): FrozenState
}
