import type { Exemplar } from '../metrics/model.js'
import type { Part } from '../snapshot/split.js'

/** The content of a snapshot: layouts and values. */
export interface Sample {
  readonly parts: readonly Part[]
  /** One value per series, in layout order over all parts. */
  readonly values: Float64Array
  /**
   * Unix milliseconds for each value. NaN stands for the time of the collection. Null if no value
   * has a timestamp.
   */
  readonly timestamps: Float64Array | null
  /** By index into `values`, or null. */
  readonly exemplars: readonly Exemplar[] | null
}

/**
 * Maximum size of a record. Kafka's default for `max.message.bytes` is 1,048,588, which includes
 * the overhead of a record batch.
 */
export const RECORD_BYTES = 1_000_000
/** Maximum size of a value in a record, with its union tag. */
const VALUE_BYTES = 9
const TIMESTAMP_BYTES = 8
/** Maximum size of a record without layout, values and timestamps. */
const HEADER_BYTES = 8 * 1024

/** Maximum number of bytes that a series adds to a record, not counting the layout. */
export const seriesBytes = (timestamps: boolean): number =>
  VALUE_BYTES + (timestamps ? TIMESTAMP_BYTES : 0)

/** Maximum size of a part's record, not counting exemplars. */
export function recordBytes({ layout, from, to }: Part, timestamps = false): number {
  return HEADER_BYTES + layout.compressed.length + (to - from) * seriesBytes(timestamps)
}
