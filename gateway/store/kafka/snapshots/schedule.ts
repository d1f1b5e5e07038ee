/** When a snapshot is due. */
export interface SnapshotRule {
  /** Bytes of the log since the last snapshot, or the size of that, whichever is more. */
  readonly minBytes: number
  /** Milliseconds of log time since the last snapshot. */
  readonly maxAge: number
}

export interface SinceSnapshot {
  /** Bytes of the log since the newest complete snapshot. */
  readonly bytes: number
  /** Milliseconds of log time since it. */
  readonly age: number
  /** Records since it. */
  readonly records: number
  /** Its size, bytes; 0 without one. */
  readonly size: number
}

/** Whether a snapshot is due. Pure. */
export function isDue(
  { bytes, age, records, size }: SinceSnapshot,
  { minBytes, maxAge }: SnapshotRule,
): boolean {
  if (records <= 0) return false
  return bytes > Math.max(minBytes, size) || age > maxAge
}
