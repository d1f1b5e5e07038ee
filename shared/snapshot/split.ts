import { type EncodedLayout, encodeLayout, encodeLayoutBytes, finishLayout } from './layout.js'
import type { Layout, LayoutFamily } from './types.js'

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
const BYTES_A_VALUE = 9
/** Envelope, numbers, and a target with labels of usual length. */
const HEADER_BYTES = 1024

/**
 * How a snapshot of this layout is split into records: between families, in order, a layout each. A family that is larger
 * than a record by itself stays whole, since no family may be in two parts. Hashes and compresses: for when a layout changes.
 *
 * @param bytesASeries what a series adds to a record; more than the default for those with timestamps or exemplars
 */
export function planParts(layout: Layout, maxBytes = PART_BYTES, bytesASeries = BYTES_A_VALUE): Part[] {
  return new Planner(maxBytes, bytesASeries).plan(layout.families, 0)
}

class Planner {
  constructor(
    private readonly maxBytes: number,
    private readonly bytesASeries: number,
  ) {}

  plan(families: readonly LayoutFamily[], from: number): Part[] {
    const count = families.reduce((sum, family) => sum + family.series.length, 0)
    if (families.length < 2) return [{ layout: encodeLayout({ families }), from, to: from + count }]
    const layout = this.#encodeIfItFits(families, count)
    if (layout) return [{ layout, from, to: from + count }]
    const { index, series } = middle(families, count)
    return [...this.plan(families.slice(0, index), from), ...this.plan(families.slice(index), from + series)]
  }

  /** Compressing is the dear part: it is done for what may fit only. */
  #encodeIfItFits(families: readonly LayoutFamily[], count: number): EncodedLayout | null {
    const left = this.maxBytes - HEADER_BYTES - count * this.bytesASeries
    if (left < 0) return null
    const bytes = encodeLayoutBytes({ families })
    if (bytes.length > this.maxBytes) return null
    const layout = finishLayout(bytes)
    return layout.compressed.length <= left ? layout : null
  }
}

/** Where to cut so that both sides have about as many series, and neither is empty. */
function middle(families: readonly LayoutFamily[], count: number): { index: number; series: number } {
  let index = 1
  let series = families[0].series.length
  while (index < families.length - 1 && series + families[index].series.length / 2 <= count / 2) {
    series += families[index++].series.length
  }
  return { index, series }
}
