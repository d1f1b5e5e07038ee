import type { Exemplar } from '../metrics/model.js'
import type { Part } from '../snapshot/split.js'

export interface Sample {
  readonly parts: readonly Part[]
  /** In the order of the layout, over all parts. */
  readonly values: Float64Array
  /**
   * Unix milliseconds for each value, NaN for those of the collection's time; null when all are.
   */
  readonly timestamps: Float64Array | null
  /** By index into `values`, or null. */
  readonly exemplars: readonly Exemplar[] | null
}

/**
 * What a topic takes unless it is told to take more is 1,048,588, of which a batch has its share.
 */
export const RECORD_BYTES = 1_000_000
/**
 * The most that a value takes in a record, its tag included; a timestamp; everything but layout,
 * values and timestamps.
 */
const VALUE_BYTES = 9
const TIMESTAMP_BYTES = 8
const HEADER_BYTES = 8 * 1024

/** Bytes that a series adds to a record at most, beside its part of the layout. */
export const seriesBytes = (timestamps: boolean): number => VALUE_BYTES + (timestamps ? TIMESTAMP_BYTES : 0)

/** Bytes of a part's record at most, without exemplars. */
export function recordBytes({ layout, from, to }: Part, timestamps = false): number {
  return HEADER_BYTES + layout.compressed.length + (to - from) * seriesBytes(timestamps)
}
