import { Schedule } from '../../shared/publish/schedule.js'

/** When a target is collected next, in log time. */
export class Due {
  readonly #schedule: Schedule
  #next: number

  /**
   * Begins with the last collection that was due before now: if another gateway has published it
   * already, it is a repeat. Unless the target has changed since: then its values are gone.
   *
   * @param time log time, Unix ms; @param changedAt log time of the last change, Unix ms
   */
  constructor(
    key: Uint8Array,
    intervalMs: number,
    { time, changedAt }: { readonly time: number; readonly changedAt: number },
  ) {
    this.#schedule = new Schedule(key, intervalMs)
    const last = this.#schedule.after(time - intervalMs)
    this.#next = last < changedAt ? last + intervalMs : last
  }

  get next(): number {
    return this.#next
  }

  /**
   * The collection time that is due; undefined if none is. Of several that were missed it is the
   * last one, because the earlier values are gone.
   */
  take(time: number): { readonly collectedAt: number; readonly skipped: number } | undefined {
    if (time < this.#next) return undefined
    const { intervalMs } = this.#schedule
    const skipped = Math.floor((time - this.#next) / intervalMs)
    const collectedAt = this.#next + skipped * intervalMs
    this.#next = collectedAt + intervalMs
    return { collectedAt, skipped }
  }
}

/** When the end of a push group that was removed is published, in log time. */
export class EndDue {
  readonly #collectedAt: number
  #next: number

  /** @param removedAt log time, Unix ms */
  constructor(
    key: Uint8Array,
    private readonly intervalMs: number,
    removedAt: number,
  ) {
    // One millisecond after a collection, so that no snapshot has this number.
    this.#collectedAt = new Schedule(key, intervalMs).after(removedAt) + 1
    this.#next = this.#collectedAt
  }

  /** The collection time of the end if it is due, and again each interval: it may have been lost. */
  take(time: number): number | undefined {
    if (time < this.#next) return undefined
    this.#next += (Math.floor((time - this.#next) / this.intervalMs) + 1) * this.intervalMs
    return this.#collectedAt
  }
}
