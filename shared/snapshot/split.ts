import { runNow, type Steps } from '../base/steps.js'
import type { Layout, LayoutFamily } from '../metrics/layout.js'
import { type EncodedLayout, encodeFamilies, finishLayout } from './layout.js'

/** One record's share of a snapshot. */
export interface Part {
  readonly layout: EncodedLayout
  /** Which of the snapshot's values are this part's: from `from`, below `to`. */
  readonly from: number
  readonly to: number
}

/**
 * Bytes above which a snapshot is split, of a record and of its uncompressed layout: well under the broker's default of 1 MiB
 * for the one, and for the other what a shard reads in some milliseconds when it is new.
 */
export const PART_BYTES = 256 * 1024

/** What a value takes at most: a tag and a double, or a tag and a varint of 54 bits. */
const MAX_VALUE_BYTES = 9
/** Envelope, numbers, and a target with labels of usual length. */
const HEADER_BYTES = 1024

/**
 * How a snapshot of this layout is split into records: between families, in order, a layout each. A family that is larger
 * than a record by itself stays whole, since no family may be in two parts. Hashes and compresses: for when a layout changes.
 *
 * @param bytesPerSeries what a series adds to a record; more than the default for those with timestamps or exemplars
 */
export function planParts(layout: Layout, maxBytes = PART_BYTES, bytesPerSeries = MAX_VALUE_BYTES): Part[] {
  return runNow(planSteps(layout, maxBytes, bytesPerSeries))
}

/** As `planParts`, in steps. */
export function* planSteps(
  { families }: Layout,
  maxBytes = PART_BYTES,
  bytesPerSeries = MAX_VALUE_BYTES,
): Steps<Part[]> {
  const { bytes, ends } = yield* encodeFamilies(families)
  return yield* new Planner(families, bytes, ends, maxBytes, bytesPerSeries).plan(0, families.length, 0)
}

class Planner {
  constructor(
    private readonly families: readonly LayoutFamily[],
    private readonly bytes: Buffer,
    /** Where each family ends in `bytes`. */
    private readonly ends: readonly number[],
    private readonly maxBytes: number,
    private readonly bytesPerSeries: number,
  ) {}

  /** @param from the first family, @param to the one after the last, @param first the first family's first series */
  *plan(from: number, to: number, first: number): Steps<Part[]> {
    let count = 0
    for (let i = from; i < to; i++) count += this.families[i].series.length
    const layout = yield* this.#layoutIfItFits(from, to, count)
    if (layout) return [{ layout, from: first, to: first + count }]
    const { index, series } = this.#middle(from, to, count)
    return [...(yield* this.plan(from, index, first)), ...(yield* this.plan(index, to, first + series))]
  }

  /** Compressing is the dear part: it is done for what may fit only. */
  *#layoutIfItFits(from: number, to: number, count: number): Steps<EncodedLayout | null> {
    const slice = this.bytes.subarray(from === 0 ? 0 : this.ends[from - 1], to === 0 ? 0 : this.ends[to - 1])
    const whole = to - from < 2
    const left = this.maxBytes - HEADER_BYTES - count * this.bytesPerSeries
    if (!whole && (left < 0 || slice.length > this.maxBytes)) return null
    const layout = yield* finishLayout(to - from, slice)
    return whole || layout.compressed.length <= left ? layout : null
  }

  /** Where to cut so that both sides have about as many series, and neither is empty. */
  #middle(from: number, to: number, count: number): { index: number; series: number } {
    let index = from + 1
    let series = this.families[from].series.length
    while (index < to - 1 && series + this.families[index].series.length / 2 <= count / 2) {
      series += this.families[index++].series.length
    }
    return { index, series }
  }
}
