import type { FrozenPartition } from './handover/freeze.js'
import type { Handed } from './handover/thaw.js'
import type { LayoutBudget } from './layout-budget.js'
import { LogClock } from './log-clock.js'
import type { Target } from './target.js'

/** One partition that this shard owns. */
export class Partition {
  readonly clock = new LogClock()
  /** By record key, as latin1 text. */
  readonly targets = new Map<string, Target>()
  /** Work on refused layouts of unknown targets; null before the first one. */
  strangers: LayoutBudget | null = null
  /** What the previous owner handed over, until the replay is complete. */
  handed: Handed | null = null
  /** What is kept for the next owner; null while the partition is held. */
  frozen: FrozenPartition | null = null
  /** Offset of the next record; −1 before it is known. */
  position = -1
  highWatermark = -1
  /** Offset at which the replay is complete; Infinity before it is known. */
  replayUntil = Number.POSITIVE_INFINITY
  /** Monotonic ms of the assignment, and of the end of the replay (NaN before). */
  readonly assignedAt: number
  loadedAt = Number.NaN
  /** Monotonic ms of the last answered fetch. */
  fetchedAt: number
  /** Monotonic ms of the first of the current failed fetches; NaN after a successful one. */
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

  /** Records between position and high watermark, never negative. */
  get lagRecords(): number {
    return this.position < 0 ? 0 : Math.max(0, this.highWatermark - this.position)
  }

  /** Age of the last consumed record in seconds; 0 at the high watermark. */
  lagSeconds(wall: number): number {
    if (this.lagRecords === 0 || this.clock.time === Number.NEGATIVE_INFINITY) return 0
    return Math.max(0, wall - this.clock.time) / 1000
  }

  /**
   * Milliseconds since fetches fail; 0 after a successful one. Suspension of this process does not
   * count.
   */
  blindFor(mono: number): number {
    return Number.isNaN(this.failingSince) ? 0 : mono - this.failingSince
  }

  /**
   * Whether the record of this offset was the newest of its target when the partition was handed
   * over. A replay knows less of the log time: in a silent log a newer run seems to be alive.
   */
  wasNewest(key: string, offset: number): boolean {
    return this.handed?.targets.get(key)?.record.offset === offset
  }

  advance(next: number, highWatermark: number, mono: number): void {
    this.position = Math.max(this.position, next)
    this.highWatermark = Math.max(highWatermark, this.position)
    if (!this.loaded && this.position >= this.replayUntil) this.loadedAt = mono
  }
}
