/** Bytes of a shard's targets by use, updated at each allocation and release. */
export class Memory {
  /** Target objects with their labels. */
  targets = 0
  /**
   * Values, timestamps and undecoded copies of records, of snapshots and of parts of incomplete
   * ones.
   */
  values = 0
  exemplars = 0
  /** Entries of the history, without their snapshots. */
  history = 0
}
