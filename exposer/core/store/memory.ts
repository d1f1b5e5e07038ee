/** Bytes of a shard's targets by use, updated at each allocation and release. */
export class Memory {
  /** Target objects with their labels. */
  targets = 0
  /**
   * Snapshots, and parts of incomplete ones: values, timestamps, undecoded copies of records,
   * reasons of failed collections.
   */
  values = 0
  exemplars = 0
  /** Entries of the history, without their snapshots. */
  history = 0
}
