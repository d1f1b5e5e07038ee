/** A span of log time in ms in which no record could be received. */
export interface Gap {
  readonly from: number
  readonly to: number
}

/** Earlier gaps are irrelevant: any target from before them is stale, or has a later gap. */
const MAX_GAPS = 8

/**
 * The log time of a partition, by which staleness is judged.
 *
 * Behind the high watermark it is the append time of the last consumed record: a backlog is old,
 * but its targets are not late. At the watermark it advances with the monotonic clock from one
 * fetch to the next, because only then is it known that no producer has sent anything. It never
 * follows the wall clock, which differs from the broker's clock that stamps records.
 */
export class LogClock {
  /** Unix ms by the broker's clock; −Infinity before the first record. */
  time = Number.NEGATIVE_INFINITY
  /** Gaps of the whole partition, oldest first. */
  readonly #gaps: { readonly from: number; to: number }[] = []
  /**
   * Monotonic ms of the last fetch answered at the watermark; NaN when behind or after a failed
   * fetch.
   */
  #atWatermark = Number.NaN
  /** Log time at that fetch. */
  #timeThere = Number.NEGATIVE_INFINITY
  /** Whether fetches fail. The next record, or the next fetch at the watermark, ends the gap. */
  #inGap = false

  /**
   * Maximum advance between two fetches. A longer interval means that this process was suspended.
   */
  static readonly MAX_STEP_MS = 2000

  /** A copy. */
  get gaps(): readonly Gap[] {
    return this.#gaps.map(gap => ({ ...gap }))
  }

  /**
   * Continues the log time of the previous owner of the partition. To be called when all records up
   * to the watermark were consumed: nothing is unknown up to that time then. That owner knows the
   * gaps until then; in a replay, a silent log seems to be one.
   */
  resume(time: number, gaps: readonly Gap[]): void {
    const later = this.#gaps.filter(({ to }) => to > time)
    const all = [...later, ...gaps].sort((a, b) => a.from - b.from)
    this.#gaps.length = 0
    for (const { from, to } of all) this.#addGap(from, to)
    this.time = Math.max(this.time, time)
    // Otherwise the first step after a handover would be lost.
    this.#timeThere = this.time
  }

  get caughtUp(): boolean {
    return !Number.isNaN(this.#atWatermark)
  }

  /**
   * A record was consumed. If the log has no record for longer than `window`, and the target of
   * this record was not late before, the cause was the partition and not the producers: this is a
   * gap.
   *
   * @param appended append time, Unix ms
   * @param window time after which the target of the record is stale, ms
   * @param heardBefore log time of the target's previous snapshot, or −Infinity
   */
  consumed(appended: number, window: number, heardBefore: number): void {
    const before = this.time
    if (appended <= before) return
    this.time = appended
    const silent = appended - before > window && before - heardBefore <= window
    if (this.#inGap || silent) this.#addGap(before, appended)
    this.#inGap = false
  }

  /**
   * The log has had no record within the replay window. Its time is then taken from the wall clock,
   * once: a difference to the broker's clock is small compared to the replay window. Does nothing
   * after the first record.
   *
   * @param wall Unix ms
   */
  startAt(wall: number): void {
    if (this.time === Number.NEGATIVE_INFINITY) this.time = wall
  }

  /** A fetch was answered at the watermark. */
  fetchedAtWatermark(mono: number): void {
    if (this.caughtUp && this.#timeThere > Number.NEGATIVE_INFINITY) {
      // Not added to the advance by records consumed since then: both measure the same time.
      const step = Math.min(Math.max(0, mono - this.#atWatermark), LogClock.MAX_STEP_MS)
      this.time = Math.max(this.time, this.#timeThere + step)
    }
    this.#atWatermark = mono
    this.#timeThere = this.time
    if (this.#inGap) this.#addGap(this.time, this.time)
    this.#inGap = false
  }

  fetchedBehind(): void {
    this.#atWatermark = Number.NaN
  }

  failed(): void {
    this.#atWatermark = Number.NaN
    this.#inGap = true
  }

  /**
   * Milliseconds of log time since `heard`. The measurement restarts after each gap, unless the
   * target was already late when the gap began: failed fetches do not revive a stale target.
   *
   * @param heard log time
   * @param window time after which a target is late, ms
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

  #addGap(from: number, to: number): void {
    const last = this.#gaps.at(-1)
    if (last && from <= last.to) {
      last.to = Math.max(last.to, to)
      return
    }
    this.#gaps.push({ from, to })
    if (this.#gaps.length > MAX_GAPS) this.#gaps.shift()
  }
}
