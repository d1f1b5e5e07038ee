import { LogClock } from './log-clock.js'
import type { Target } from './target.js'

/** One partition that this shard owns. */
export class Partition {
  readonly clock = new LogClock()
  readonly targets = new Set<Target>()
  /** Next offset to read, −1 before it is known. */
  position = -1
  highWatermark = -1
  /** The watermark at which the replay is over; Infinity before it is known. */
  replayUntil = Number.POSITIVE_INFINITY
  /** Monotonic ms of assignment, and of the end of the replay (NaN before). */
  readonly assignedAt: number
  loadedAt = Number.NaN
  /** Monotonic ms of the last fetch that was answered. */
  fetchedAt: number
  /** Monotonic ms since when fetches fail, NaN while they work. */
  failingSince = Number.NaN

  constructor(
    readonly number: number,
    mono: number,
  ) {
    this.assignedAt = mono
    this.fetchedAt = mono
  }

  get loaded(): boolean {
    return !Number.isNaN(this.loadedAt)
  }

  /** Records between us and the watermark, never negative. */
  get lagRecords(): number {
    return this.position < 0 ? 0 : Math.max(0, this.highWatermark - this.position)
  }

  /** Seconds that what was consumed last is behind, 0 when nothing is left to consume. */
  lagSeconds(wall: number): number {
    if (this.lagRecords === 0 || this.clock.time === Number.NEGATIVE_INFINITY) return 0
    return Math.max(0, wall - this.clock.time) / 1000
  }

  /** Milliseconds for which fetches have failed, 0 while they work. A process that stood still is not blind. */
  blindFor(mono: number): number {
    return Number.isNaN(this.failingSince) ? 0 : mono - this.failingSince
  }

  advance(next: number, highWatermark: number, mono: number): void {
    this.position = Math.max(this.position, next)
    this.highWatermark = Math.max(highWatermark, this.position)
    if (!this.loaded && this.position >= this.replayUntil) this.loadedAt = mono
  }
}
