import type { Mapping } from '../snapshot/mapping/mapping.js'

/** Numbers in the order of the sources as a layout has them. Done for every snapshot. */
export function place({ order, series }: Mapping, numbers: Float64Array): Float64Array {
  const placed = new Float64Array(series)
  for (let at = 0; at < order.length; at++) if (order[at] >= 0) placed[order[at]] = numbers[at]
  return placed
}

/**
 * Timestamps in the order of a layout, as a record can hold them: whole milliseconds within 2^53.
 *
 * @returns null when no series that is carried has one
 */
export function placeTimestamps(mapping: Mapping, timestamps: Float64Array): Float64Array | null {
  const placed = place(mapping, timestamps)
  let some = false
  for (let i = 0; i < placed.length; i++) {
    const time = placed[i]
    if (Number.isNaN(time)) continue
    some = true
    placed[i] = Math.min(Math.max(Math.round(time), -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
  }
  return some ? placed : null
}
