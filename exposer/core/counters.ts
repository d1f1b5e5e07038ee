import type { RefusalReason } from '../../shared/snapshot/errors.js'

/** Counters of a shard since its start. */
export class Counters {
  /** Snapshots applied. */
  snapshots = 0
  /** Samples in applied snapshots. */
  samples = 0
  /** Snapshots that arrived after their playout delay had elapsed. */
  late = 0
  /** Snapshots whose collection and append times differ by more than `maxSkewMs`. */
  skewed = 0
  /** Records of relayed runs whose number is not above the last. */
  repeated = 0
  /** Refused records by reason. */
  readonly refused = new Map<RefusalReason, number>()

  refuse(reason: RefusalReason): void {
    this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1)
  }
}
