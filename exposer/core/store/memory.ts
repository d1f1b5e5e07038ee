/**
 * Bytes that a shard's targets take, by what they are taken for. Counted where they are taken and given back, so that
 * asking costs nothing.
 */
export class Memory {
  /** Labels of targets, and what is known of each. */
  targets = 0
  /** Values, their timestamps, and copies of records that are not decoded yet: of snapshots, and of parts that wait for others. */
  values = 0
  exemplars = 0
  /** Entries of the history; what they hold is counted as values. */
  history = 0
}
