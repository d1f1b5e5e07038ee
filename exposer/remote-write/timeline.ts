import type { CompiledLayout } from '../core/store/compiled-layout.js'
import type { Snapshot } from '../core/store/snapshot.js'

/** Layouts are held while their series are alive at the receiver. */
export interface LayoutHolder {
  acquire(layout: CompiledLayout): void
  release(layout: CompiledLayout): void
}

/** Receives what is to be sent of a target, in order. */
export interface Emitter {
  /** All samples of the snapshot, `up` 1 and the report. */
  snapshot(snapshot: Snapshot, time: number): void
  /** Stale markers for the series of `before` that `now` does not have. */
  left(before: readonly CompiledLayout[], now: readonly CompiledLayout[], time: number): void
  /** `up` 0, with the report of a failed collection of so many seconds, or without. */
  down(time: number, collectSeconds: number | null): void
  /** Stale markers for the report, and for `up`. */
  reportLeft(time: number, what: { readonly up: boolean; readonly report: boolean }): void
}

/** A target without a snapshot is down after so many of its intervals, at a multiple of them. */
const DOWN_AFTER = 3
const NONE: readonly CompiledLayout[] = []

/**
 * What the receiver knows of one target, and when it has to be told more. Times of samples are
 * those of collections and multiples of the interval after them: whoever owns the partition, and
 * whenever it looks, sends the same samples.
 *
 * Pure: it is handed log time. What is due is sent when log time reaches `dueAt`.
 */
export class Timeline {
  /** Log time at which `due` is to be called; Infinity if nothing is due without a record. */
  dueAt = Number.POSITIVE_INFINITY
  /** Time of the newest sample of the target, Unix ms. */
  lastTime = Number.NEGATIVE_INFINITY
  #intervalMs = 0
  /** Time of the next sample that is due without a record. */
  #stamp = Number.POSITIVE_INFINITY
  #ends = false
  /** Layouts whose series are alive at the receiver. */
  #live = NONE
  #isUpLive = false
  #isReportLive = false

  constructor(
    private readonly layouts: LayoutHolder,
    private readonly staleAfterIntervals: number,
  ) {}

  /**
   * A snapshot or failed collection is the newest one of the target.
   *
   * @param time of its samples, Unix ms
   * @param arrivedAt log time
   */
  applied(snapshot: Snapshot, time: number, arrivedAt: number, emitter: Emitter): void {
    if (time <= this.lastTime) {
      // An older run, or backfill: what the receiver knows is newer.
      if (snapshot.failure === null) emitter.snapshot(snapshot, time)
      return
    }
    const layouts = snapshot.failure === null ? snapshot.parts.map(({ layout }) => layout) : NONE
    if (this.#live.length > 0 && !isSame(this.#live, layouts))
      emitter.left(this.#live, layouts, time)
    if (snapshot.failure === null) emitter.snapshot(snapshot, time)
    else emitter.down(time, snapshot.collectSeconds)
    this.#hold(layouts)
    this.#isUpLive = this.#isReportLive = true
    this.#set(snapshot, time, arrivedAt)
  }

  /** As `applied`, for what was sent before: the newest snapshot of a replay. */
  resume(snapshot: Snapshot, time: number, arrivedAt: number): void {
    const layouts = snapshot.failure === null ? snapshot.parts.map(({ layout }) => layout) : NONE
    this.#hold(layouts)
    this.#isUpLive = this.#isReportLive = true
    this.#set(snapshot, time, arrivedAt)
  }

  /**
   * Sends what is due. To be called when log time has reached `dueAt`.
   *
   * @param isSilent whether the target is stale: false if its partition could not be read
   * @returns whether something was due
   */
  due(logTime: number, isSilent: boolean, emitter: Emitter): boolean {
    if (logTime < this.dueAt) return false
    const interval = this.#intervalMs
    if (this.#ends) {
      this.#end(this.#stamp, emitter)
      return true
    }
    if (!isSilent) {
      this.#stamp = this.lastTime + interval * Math.ceil((logTime + 1 - this.lastTime) / interval)
      this.dueAt = Math.max(this.#stamp, logTime + interval / 2)
      return false
    }
    const time = this.#stamp
    if (this.#live.length > 0) emitter.left(this.#live, NONE, time)
    if (this.#isReportLive) emitter.reportLeft(time, { up: false, report: true })
    emitter.down(time, null)
    this.#hold(NONE)
    this.#isReportLive = false
    this.lastTime = time
    this.#stamp = this.dueAt = time + interval
    return true
  }

  /** The target was forgotten, because it was silent for long. */
  forgotten(logTime: number, emitter: Emitter): void {
    if (this.dueAt === Number.POSITIVE_INFINITY) return
    const interval = Math.max(1, this.#intervalMs)
    const multiples = Math.max(1, Math.floor((logTime - this.lastTime) / interval))
    this.#end(this.lastTime + multiples * interval, emitter)
  }

  /** Releases the layouts. Nothing is sent. */
  drop(): void {
    this.#hold(NONE)
    this.dueAt = Number.POSITIVE_INFINITY
  }

  #set({ intervalMs, end }: Snapshot, time: number, arrivedAt: number): void {
    this.lastTime = time
    this.#intervalMs = Math.max(1, intervalMs)
    this.#ends = end
    this.#stamp = time + (end ? 1 : DOWN_AFTER) * this.#intervalMs
    this.dueAt = end
      ? this.#stamp
      : Math.max(this.#stamp, arrivedAt + this.staleAfterIntervals * this.#intervalMs)
  }

  #end(time: number, emitter: Emitter): void {
    if (this.#live.length > 0) emitter.left(this.#live, NONE, time)
    if (this.#isUpLive) emitter.reportLeft(time, { up: true, report: this.#isReportLive })
    this.#hold(NONE)
    this.#isUpLive = this.#isReportLive = false
    this.lastTime = time
    this.dueAt = this.#stamp = Number.POSITIVE_INFINITY
  }

  #hold(layouts: readonly CompiledLayout[]): void {
    for (const layout of layouts) this.layouts.acquire(layout)
    for (const layout of this.#live) this.layouts.release(layout)
    this.#live = layouts
  }
}

const isSame = (a: readonly CompiledLayout[], b: readonly CompiledLayout[]) =>
  a.length === b.length && a.every((layout, i) => layout === b[i])
