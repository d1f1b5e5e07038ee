import type { Label } from '../../shared/metrics/model.js'

/** How far a gateway has followed its log. Times are Unix ms of log time. */
export interface LogProgress {
  readonly topic: string
  readonly time: number
  /** Offset of the last applied record; −1 before the first. */
  readonly appliedOffset: number
  /** Records that are not applied yet, as of the last fetch. */
  readonly lagRecords: number
  /** Time for which this gateway has not been at the end of the log; undefined before it was. */
  readonly lagSeconds: number | undefined
  /** The newest complete snapshot; undefined if there is none. */
  readonly snapshot:
    | { readonly offset: number; readonly time: number; readonly bytes: number }
    | undefined
}

/** Whether this gateway publishes the push groups as targets. */
export interface PublishProgress {
  readonly isOwner: boolean
  readonly targets: number
}

/** The mirror of one target. */
export interface MirrorProgress {
  readonly labels: readonly Label[]
  readonly series: number
  /** Whether its snapshots are made by its `up`. */
  readonly hasUp: boolean
  readonly intervalMs: number
  /** Time of the last snapshot, failure or end, Unix ms; undefined before the first. */
  readonly lastSnapshot: number | undefined
  /** From then to log time. */
  readonly behindSeconds: number
  /** Samples that came after newer ones of their series. */
  readonly outOfOrder: number
  /** Sentences without their full stop. */
  readonly warnings: readonly string[]
}

/** What this gateway mirrors. */
export interface MirrorsProgress {
  readonly partitions: number
  readonly targets: number
  /** Time for which the end of the log of some partition has not been read. */
  readonly lagSeconds: number
  list(): Iterable<MirrorProgress>
}

/** What is known of a store besides what it holds. A part that it does not have is undefined. */
export interface StoreProgress {
  readonly log?: LogProgress | undefined
  readonly publishing?: PublishProgress | undefined
  readonly mirrors?: MirrorsProgress | undefined
}
