import type { SeriesTable } from './series-table.js'

/** Arrays of at most 64 bytes are in the heap of V8: others take 300 bytes besides their items. */
const INITIAL = 8
/** Memory of an entry, bytes. */
const ENTRY_BYTES = 20

/**
 * Samples of one target that are newer than its last snapshot, in the order of arrival. Samples of
 * one series ascend in time. The columns are public for the loops of `CollectedTarget`.
 */
export class PendingSamples {
  /** The slot of the series; `~slot` for a stale marker. */
  slots = new Int32Array(INITIAL)
  /** Unix ms. */
  times = new Float64Array(INITIAL)
  values = new Float64Array(INITIAL)
  length = 0

  get bytes(): number {
    return this.slots.length * ENTRY_BYTES
  }

  add(slot: number, time: number, value: number): void {
    const at = this.length
    if (at === this.slots.length) this.#resize(at * 2)
    this.slots[at] = slot
    this.times[at] = time
    this.values[at] = value
    this.length = at + 1
  }

  /** Moves the samples up to a time, inclusive, to the table. */
  moveTo(series: SeriesTable, until: number): void {
    let kept = 0
    for (let i = 0; i < this.length; i++) {
      const slot = this.slots[i]
      const time = this.times[i]
      if (time > until) {
        this.slots[kept] = slot
        this.times[kept] = time
        this.values[kept++] = this.values[i]
      } else if (slot >= 0) series.setValue(slot, this.values[i], time)
      else series.leave(~slot, time)
    }
    this.length = kept
    if (kept === 0 && this.slots.length > 1024) this.#resize(INITIAL)
  }

  /** The time up to which the older half of the samples reaches. */
  median(): number {
    return this.times.slice(0, this.length).sort()[this.length >> 1]
  }

  #resize(capacity: number): void {
    const { slots, times, values, length } = this
    this.slots = new Int32Array(capacity)
    this.slots.set(slots.subarray(0, length))
    this.times = new Float64Array(capacity)
    this.times.set(times.subarray(0, length))
    this.values = new Float64Array(capacity)
    this.values.set(values.subarray(0, length))
  }
}
