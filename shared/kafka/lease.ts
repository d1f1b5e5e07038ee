import type { Instant } from '../base/clock.js'

/**
 * How long what was assigned is surely still ours: until the *send time* of the last heartbeat or SyncGroup that the
 * coordinator answered well, plus the session timeout. The coordinator began to count when it received that, which was
 * later, so that it never gives our partitions to another member before this lease is over.
 */
export class Lease {
  #renewed: Instant | null = null
  #held = false

  /** @param sessionTimeout milliseconds, as the coordinator was args */
  constructor(readonly sessionTimeout: number) {}

  /** @param sent when the request that was answered well had been sent */
  renew(sent: Instant): void {
    this.#renewed = sent
    this.#held = true
  }

  /** Nothing is ours any more, whatever the clock says. */
  drop(): void {
    this.#held = false
  }

  /**
   * Monotonic milliseconds until which it holds; −∞ without one.
   *
   * The monotonic clock stands still while a machine sleeps, or a virtual one is paused; the coordinator's does not. What
   * wall time has passed beyond monotonic time is therefore taken off. A wall clock set forward costs the lease until the
   * next heartbeat at most.
   */
  until(now: Instant): number {
    if (!this.#held || this.#renewed === null) return Number.NEGATIVE_INFINITY
    const { wall, mono } = this.#renewed
    const slept = Math.max(0, now.wall - wall - (now.mono - mono))
    return mono + this.sessionTimeout - slept
  }

  /** Milliseconds since the last confirmation, also of a lease that was dropped, by the clock that ran more; null: never. */
  age(now: Instant): number | null {
    if (this.#renewed === null) return null
    return Math.max(now.mono - this.#renewed.mono, now.wall - this.#renewed.wall, 0)
  }
}
