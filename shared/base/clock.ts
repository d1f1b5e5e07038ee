/**
 * One moment on two clocks.
 *
 * Wall time is compared with timestamps of other machines (collection, append) and may jump.
 * Monotonic time measures durations (leases, log time between fetches) and never goes back.
 */
export interface Instant {
  /** Unix time in milliseconds. It may jump. */
  readonly wall: number
  /** Milliseconds since an arbitrary start, with a fraction. It never goes back. */
  readonly mono: number
}

export interface Clock {
  now(): Instant
}

/** The clocks of this machine. Pure code does not use them; it takes an `Instant`. */
export const systemClock: Clock = {
  now: () => ({ wall: Date.now(), mono: performance.now() }),
}
