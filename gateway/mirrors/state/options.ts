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

/**
 * How much of the log before the first record that is published has to be read for the state, ms.
 * More than the lookback: a target whose last `up` is just before what is read is taken for one
 * without `up` for as long as its other samples of that scrape count, half a lookback, and would end
 * a lookback after them.
 */
export const stateMs = ({ lookbackMs, intervalMs }: MirrorOptions): number =>
  1.5 * lookbackMs + 2 * intervalMs
