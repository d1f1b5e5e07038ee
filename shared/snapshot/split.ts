import { runNow, type Steps } from '../base/steps.js'
import type { Layout, LayoutFamily } from '../metrics/layout.js'
import { type EncodedLayout, encodeFamilies, finishLayout } from './layout.js'
import type { LayoutCompression } from './layout-compression.js'

/** Part of a snapshot that one record holds. */
export interface Part {
  readonly layout: EncodedLayout
  /** Range of the values of the snapshot: `from` inclusive, `to` exclusive. */
  readonly from: number
  readonly to: number
}

/**
 * Maximum size of a record and of its uncompressed layout before a snapshot is split: well below
 * the broker's default of 1 MiB, and small enough that a shard reads a new layout in a few
 * milliseconds.
 */
export const PART_BYTES = 256 * 1024

/** Maximum size of a value: a tag and a double, or a tag and a varint of 54 bits. */
const MAX_VALUE_BYTES = 9
/** Envelope, numbers, and a target with labels of typical length. */
const HEADER_BYTES = 1024

/**
 * Splits snapshots of this layout into records, between families and in order, with a layout each.
 * A family that exceeds the limit alone is not split, because no family may be in two parts. Hashes
 * and compresses: call it when a layout changes.
 *
 * @param bytesPerSeries bytes that a series adds to a record; more than the default for series with
 * timestamps or exemplars
 */
export function planParts(
  layout: Layout,
  maxBytes = PART_BYTES,
  bytesPerSeries = MAX_VALUE_BYTES,
  compression?: LayoutCompression,
): Part[] {
  return runNow(planSteps(layout, maxBytes, bytesPerSeries, compression))
}

/** As `planParts`, in steps. */
export function* planSteps(
  { families }: Layout,
  maxBytes = PART_BYTES,
  bytesPerSeries = MAX_VALUE_BYTES,
  compression?: LayoutCompression,
): Steps<Part[]> {
  const { bytes, ends } = yield* encodeFamilies(families)
  const planner = new Planner(families, bytes, ends, maxBytes, bytesPerSeries, compression)
  return yield* planner.plan(0, families.length, 0)
}

class Planner {
  constructor(
    private readonly families: readonly LayoutFamily[],
    private readonly bytes: Buffer,
    /** Where each family ends in `bytes`. */
    private readonly ends: readonly number[],
    private readonly maxBytes: number,
    private readonly bytesPerSeries: number,
    private readonly compression: LayoutCompression | undefined,
  ) {}

  /**
   * @param from first family
   * @param to the family after the last
   * @param first index of the first series of the first family
   */
  *plan(from: number, to: number, first: number): Steps<Part[]> {
    let count = 0
    for (let i = from; i < to; i++) count += this.families[i].series.length
    const layout = yield* this.#layoutIfItFits(from, to, count)
    if (layout) return [{ layout, from: first, to: first + count }]
    const { index, series } = this.#middle(from, to, count)
    return [
      ...(yield* this.plan(from, index, first)),
      ...(yield* this.plan(index, to, first + series)),
    ]
  }

  /** Compression is expensive: only ranges that may fit are compressed. */
  *#layoutIfItFits(from: number, to: number, count: number): Steps<EncodedLayout | null> {
    const slice = this.bytes.subarray(
      from === 0 ? 0 : this.ends[from - 1],
      to === 0 ? 0 : this.ends[to - 1],
    )
    const whole = to - from < 2
    const left = this.maxBytes - HEADER_BYTES - count * this.bytesPerSeries
    if (!whole && (left < 0 || slice.length > this.maxBytes)) return null
    const layout = yield* finishLayout(to - from, slice, this.compression)
    return whole || layout.compressed.length <= left ? layout : null
  }

  /** Splits a range so that both sides have about as many series and neither is empty. */
  #middle(from: number, to: number, count: number): { index: number; series: number } {
    let index = from + 1
    let series = this.families[from].series.length
    while (index < to - 1 && series + this.families[index].series.length / 2 <= count / 2) {
      series += this.families[index++].series.length
    }
    return { index, series }
  }
}
