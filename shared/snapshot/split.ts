import { type EncodedLayout, encodeLayout } from './layout.js'
import type { Layout, LayoutFamily } from './types.js'

/** One record's share of a snapshot. */
export interface Part {
  readonly layout: EncodedLayout
  /** Which of the snapshot's values are this part's: from `from`, below `to`. */
  readonly from: number
  readonly to: number
}

/** Bytes of a record above which a snapshot is split: well under the broker's default of 1 MiB, and a short read. */
export const PART_BYTES = 256 * 1024

/** What a value takes at most is 11 bytes, in practice under 4; a header some hundred. */
const BYTES_A_VALUE = 9
const HEADER_BYTES = 1024

/**
 * How a snapshot of this layout is split into records: between families, in order, a layout each. A family that is larger
 * than a record by itself stays whole.
 */
export function planParts(layout: Layout, maxBytes = PART_BYTES): Part[] {
  return plan(layout.families, 0, maxBytes)
}

function plan(families: readonly LayoutFamily[], from: number, maxBytes: number): Part[] {
  const count = families.reduce((sum, family) => sum + family.series.length, 0)
  const encoded = encodeLayout({ families })
  const bytes = HEADER_BYTES + encoded.compressed.length + count * BYTES_A_VALUE
  if (bytes <= maxBytes || families.length < 2) return [{ layout: encoded, from, to: from + count }]
  const { index, series } = middle(families, count)
  return [
    ...plan(families.slice(0, index), from, maxBytes),
    ...plan(families.slice(index), from + series, maxBytes),
  ]
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
