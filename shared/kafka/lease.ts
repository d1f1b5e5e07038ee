import type { Instant } from '../base/clock.js'

/**
 * Time until which the assignment is certainly valid: the *send time* of the last successful
 * heartbeat, JoinGroup or SyncGroup plus the session timeout. The coordinator starts its timeout
 * later, when it receives the request, so it never removes the member before this lease has ended.
 *
 * The lease lasts through a rebalance: the member claims its partitions when it joins, and the
 * leader assigns no partition that another member claims. A heartbeat that is answered with
 * REBALANCE_IN_PROGRESS does not renew it: a member that does not join again in time is removed,
 * whatever heartbeats it sends.
 */
export class Lease {
  #renewed: Instant | null = null
  #held = false

  /** @param sessionTimeout milliseconds, as sent to the coordinator */
  constructor(readonly sessionTimeout: number) {}

  /** @param sent when the successful request was sent */
  renew(sent: Instant): void {
    this.#renewed = sent
    this.#held = true
  }

  /** Ends the lease at once. */
  drop(): void {
    this.#held = false
  }

  /**
   * Monotonic milliseconds at which the lease ends; −∞ without a lease.
   *
   * The monotonic clock stops while a machine sleeps or a virtual machine is paused; the
   * coordinator's clock does not. The excess of wall time over monotonic time is therefore
   * subtracted. A wall clock that is set forward ends the lease until the next heartbeat at most.
   */
  until(now: Instant): number {
    if (!this.#held || this.#renewed === null) return Number.NEGATIVE_INFINITY
    const { wall, mono } = this.#renewed
    const slept = Math.max(0, now.wall - wall - (now.mono - mono))
    return mono + this.sessionTimeout - slept
  }

  /**
   * Milliseconds since the last renewal, by the clock that advanced more, also after `drop`; null
   * without a renewal.
   */
  age(now: Instant): number | null {
    if (this.#renewed === null) return null
    return Math.max(now.mono - this.#renewed.mono, now.wall - this.#renewed.wall, 0)
  }
}
