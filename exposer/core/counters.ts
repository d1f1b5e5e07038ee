import type { RefusalReason } from '../../shared/snapshot/errors.js'

/** What a shard has done since it started, in plain numbers. */
export class Counters {
  /** Snapshots applied. */
  snapshots = 0
  /** Samples of them. */
  samples = 0
  /** Snapshots that came when they would have been due already. */
  late = 0
  /** Collection times more than `maxSkewMs` from their append time. */
  skewed = 0
  readonly refused = new Map<RefusalReason, number>()

  refuse(reason: RefusalReason): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1)
  }
}
