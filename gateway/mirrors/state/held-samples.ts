import type { MadeSnapshot } from './made.js'
import { PendingSamples } from './pending-samples.js'
import { PresentLayout } from './present-layout.js'
import type { SeriesTable } from './series-table.js'

/** Samples that may wait for their `up`: a few, and so many for each series. */
const MAX_PENDING = 4096
const MAX_PENDING_PER_SERIES = 64

/** The values of a snapshot with their layout. */
type SnapshotValues = Pick<MadeSnapshot, 'layout' | 'values' | 'timestamps'>

/** The samples of one target: the value of each series, and those that wait for their scrape. */
export class HeldSamples {
  readonly pending = new PendingSamples()
  readonly #layouts: PresentLayout
  #freedAt: number

  /** @param time log time, Unix ms */
  constructor(
    private readonly series: SeriesTable,
    private readonly lookbackMs: number,
    time: number,
  ) {
    this.#layouts = new PresentLayout(series)
    this.#freedAt = time
  }

  /**
   * Makes the samples up to a time values of their series, and removes what has had no sample for
   * the lookback.
   *
   * @param until Unix ms, inclusive
   * @param logTime Unix ms
   */
  advance(until: number, logTime: number): void {
    this.pending.moveTo(this.series, until)
    const before = logTime - this.lookbackMs
    this.series.expire(before)
    if (this.#freedAt > before) return
    this.#freedAt = logTime
    const { slots, length } = this.pending
    const used = new Set<number>()
    for (let i = 0; i < length; i++) used.add(slots[i] < 0 ? ~slots[i] : slots[i])
    this.series.free(before, slot => used.has(slot))
  }

  /** @param collectedAt time of the snapshot, Unix ms */
  snapshot(collectedAt: number): SnapshotValues {
    const { layout, slots } = this.#layouts.now()
    const { values: all, times } = this.series
    const values = new Float64Array(slots.length)
    let timestamps: Float64Array | null = null
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]
      values[i] = all[slot]
      if (times[slot] === collectedAt) continue
      timestamps ??= new Float64Array(slots.length).fill(collectedAt)
      timestamps[i] = times[slot]
    }
    return { layout, values, timestamps }
  }

  /**
   * Keeps samples that wait for their `up` from growing without a bound.
   *
   * @returns number of those that wait no longer
   */
  bound(): number {
    const { length } = this.pending
    if (length <= MAX_PENDING + MAX_PENDING_PER_SERIES * this.series.size) return 0
    this.pending.moveTo(this.series, this.pending.median())
    return length - this.pending.length
  }
}
