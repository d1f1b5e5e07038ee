/** How mirrors are made. All times in ms of log time. */
export interface MirrorOptions {
  /** A series without a sample for so long is gone, and a target without `up` has none. */
  readonly lookbackMs: number
  /** Maximum time for which a snapshot waits for the other samples of its scrape. */
  readonly assemblyMs: number
  /** Interval of the snapshots of a target without `up`. */
  readonly intervalMs: number
}

/** Maximum time for which the first snapshot of a target waits for the second `up`, ms. */
export const FIRST_WAIT_MS = 120_000

/**
 * Time after which a new target is taken to have no `up`, ms. Shorter than the lookback, so that a
 * gateway that reads no more than the lookback before its start sees that much of every target.
 */
export const newTargetMs = ({ lookbackMs }: MirrorOptions): number =>
  Math.min(FIRST_WAIT_MS, lookbackMs / 2)
