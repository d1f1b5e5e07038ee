/** In log time, ms. */
interface Gap {
  readonly from: number
  to: number
}

/** What lies further back is older than anybody who is waited for, or was excused by a later one. */
const MAX_GAPS = 8

/**
 * The time of a partition, by which staleness is judged.
 *
 * Behind the watermark it is the append time of what was consumed last: a backlog is old, but nobody in it is late. Caught up, it
 * moves by monotonic time from one successful fetch that was answered at the watermark to the next: only then is silence
 * known to be the producers'. Never by wall time, which belongs to another machine than append times do.
 */
export class LogClock {
  /** Unix ms by the broker's clock; −Infinity before the first record. */
  time = Number.NEGATIVE_INFINITY
  /** Spans of the whole partition in which nobody could be heard, the oldest first. */
  readonly #gaps: Gap[] = []
  /** Monotonic ms of the last fetch answered at the watermark, or NaN when behind or failing. */
  #atWatermark = Number.NaN
  /** The time as of then. */
  #timeThere = Number.NEGATIVE_INFINITY
  /** Fetches failed: the next record, or the next fetch at the watermark, ends a gap. */
  #gap = false

  /** A fetch takes at most a wait of its own; what lies above was this process standing still, not the log. */
  static readonly MAX_STEP_MS = 2000

  get caughtUp(): boolean {
    return !Number.isNaN(this.#atWatermark)
  }

  /**
   * A record was consumed.
   *
   * @param window how long its target may be silent, ms; if even this one, which evidently lives, was heard before the
   * silence and not in it, then the partition was silent and not the producers
   * @param heardBefore when its target was heard last, or −Infinity
   */
  consumed(appended: number, window: number, heardBefore: number): void {
    const before = this.time
    if (appended <= before) return
    this.time = appended
    const silent = appended - before > window && before - heardBefore <= window
    if (this.#gap || silent) this.#excuse(before, appended)
    this.#gap = false
  }

  /** A fetch was answered at the watermark. */
  fetchedAtWatermark(mono: number): void {
    if (this.caughtUp && this.#timeThere > Number.NEGATIVE_INFINITY) {
      // What was consumed since then has moved it already: the two are one and the same way forward.
      const step = Math.min(Math.max(0, mono - this.#atWatermark), LogClock.MAX_STEP_MS)
      this.time = Math.max(this.time, this.#timeThere + step)
    }
    this.#atWatermark = mono
    this.#timeThere = this.time
    if (this.#gap) this.#excuse(this.time, this.time)
    this.#gap = false
  }

  fetchedBehind(): void {
    this.#atWatermark = Number.NaN
  }

  failed(): void {
    this.#atWatermark = Number.NaN
    this.#gap = true
  }

  /**
   * Milliseconds of log time since then. A gap gives a fresh start, but only to who was not late already when it began: the dead stay
   * dead, however often fetches fail.
   *
   * @param heard log time
   * @param window how long one may be silent, ms
   */
  since(heard: number, window: number): number {
    let start = heard
    for (const { from, to } of this.#gaps) {
      if (to <= start) continue
      if (from - start > window) break
      start = to
    }
    return Math.max(0, this.time - start)
  }

  #excuse(from: number, to: number): void {
    const last = this.#gaps.at(-1)
    if (last && from <= last.to) {
      last.to = Math.max(last.to, to)
      return
    }
    this.#gaps.push({ from, to })
    if (this.#gaps.length > MAX_GAPS) this.#gaps.shift()
  }
}
