import type { Exemplar } from '../metrics/model.js'
import type { Part } from '../snapshot/split.js'

export interface Sample {
  readonly parts: readonly Part[]
  /** In the order of the layout, over all parts. */
  readonly values: Float64Array
  /** By index into `values`, or null. */
  readonly exemplars: readonly Exemplar[] | null
}

/** What a topic takes unless it is told to take more is 1,048,588, of which a batch has its share. */
export const RECORD_BYTES = 1_000_000
/** The most that a value, its tag included, and everything but layout and values take. */
const VALUE_BYTES = 9
const HEADER_BYTES = 8 * 1024

/** Bytes of a part's record at most, without exemplars. */
export function recordBytes({ layout, from, to }: Part): number {
  return HEADER_BYTES + layout.compressed.length + (to - from) * VALUE_BYTES
}
