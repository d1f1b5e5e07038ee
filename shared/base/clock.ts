/**
 * The two clocks everything here is handed.
 *
 * Why two? Wall time compares with what other machines wrote down (collection and append times) and may jump;
 * monotonic time measures durations (leases, the log clock between fetches) and never does.
 */
export interface Instant {
  /** Unix time in milliseconds, may jump. */
  readonly wall: number
  /** Milliseconds since an arbitrary start, fractional, never goes back. */
  readonly mono: number
}

export interface Clock {
  now(): Instant
}

/** The machine's own clocks. Only shells use it; the core is handed an `Instant`. */
export const systemClock: Clock = {
  now: () => ({ wall: Date.now(), mono: performance.now() }),
}
