import type { Limits } from '../../../shared/metrics/limits.js'
import type { LayoutSize } from '../../../shared/snapshot/layout-size.js'
import { LAYOUT_BYTES } from './compiled-layout.js'
import { GROUP_NEED } from './family-index.js'
import type { Size } from './memory.js'
import { FAMILY_BYTES } from './sizes.js'

/** Estimated bytes of the objects of a decoded layout, which live until it is compiled. */
const DECODED = { family: 200, series: 260, label: 12, distinctLabel: 280 }
/** Typed arrays of a compiled layout, per series. */
const SERIES_BUFFERS = 5

export interface LayoutNeed {
  /** Once it is compiled. */
  readonly compiled: Size
  /** The most that the heap needs while it is decoded and compiled, and afterwards. */
  readonly decoding: number
}

/** Bytes of an encoded family and series at least, by the schema. */
const LEAST = { family: 5, series: 2 }

/** The need of a layout of so many uncompressed bytes, whatever it contains. */
export function mostNeed(bytes: number, { nameBytes }: Limits): LayoutNeed {
  const families = Math.ceil(bytes / LEAST.family)
  const series = Math.ceil(bytes / LEAST.series)
  const labels = series
  const all = { families, series, labels, distinctLabels: labels }
  // The name of one family, repeated for as many series as fit beside it.
  const names = Math.min(bytes / 2, nameBytes) * (bytes / 2)
  const size = { ...all, familyText: bytes, seriesText: names + 6 * bytes }
  return { compiled: compiledNeed(size), decoding: decodingNeed(size) }
}

/**
 * The least that a layout needs once it is compiled: without escapes, label names and the texts of
 * two bytes per character.
 */
export function compiledNeed({ families, series, familyText, seriesText }: LayoutSize): Size {
  const heap = LAYOUT_BYTES + FAMILY_BYTES * families + familyText + seriesText
  return { heap, buffers: SERIES_BUFFERS * series }
}

/** The most that the heap needs while a layout is decoded and compiled, and afterwards. */
export function decodingNeed(size: LayoutSize): number {
  const { families, series, labels, distinctLabels, familyText, seriesText } = size
  return (
    (DECODED.family + FAMILY_BYTES + GROUP_NEED) * families +
    DECODED.series * series +
    DECODED.label * labels +
    DECODED.distinctLabel * distinctLabels +
    2 * familyText +
    2 * seriesText
  )
}
