import type { CompiledLayout } from '../core/store/compiled-layout.js'
import type { SnapshotPart } from '../core/store/snapshot.js'

interface Sent {
  readonly layout: CompiledLayout
  /** Own time of each series when it was last sent; NaN without one. Null without any. */
  readonly times: Float64Array | null
}

/**
 * Which samples of one target were sent before: those with a time of their own that is not newer.
 *
 * Layouts are compared by identity only, and may have been released.
 */
export class SentTimes {
  #parts: readonly Sent[] = []

  /**
   * Indexes of the series of a part whose samples are new; null for all.
   *
   * @param index of the part in its snapshot
   */
  newer(index: number, { layout, timestamps }: SnapshotPart): Uint32Array | null {
    const before = this.#parts[index]
    if (!timestamps || before?.layout !== layout || !before.times) return null
    const { times } = before
    const indexes: number[] = []
    for (let i = 0; i < timestamps.length; i++) if (!(timestamps[i] <= times[i])) indexes.push(i)
    return indexes.length === timestamps.length ? null : Uint32Array.from(indexes)
  }

  /**
   * To be called after `newer`, once per snapshot.
   *
   * @returns number of series that the snapshot before did not have; all of a layout that changed
   */
  addedSeries(parts: readonly SnapshotPart[]): number {
    let added = 0
    const sent = parts.map((part, i): Sent => {
      const before = this.#parts[i]
      const { layout, timestamps } = part
      const isKnown = before?.layout === layout
      if (!isKnown) added += layout.series
      if (!timestamps) return isKnown && !before.times ? before : { layout, times: null }
      const times = Float64Array.from(timestamps)
      // A time that goes back does not make older samples new again.
      if (isKnown && before.times)
        for (let k = 0; k < times.length; k++)
          if (before.times[k] > times[k]) times[k] = before.times[k]
      return { layout, times }
    })
    this.#parts = sent
    return added
  }

  /** The series became stale. */
  forget(): void {
    this.#parts = []
  }
}
