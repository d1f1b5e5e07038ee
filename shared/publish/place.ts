import type { Mapping } from '../snapshot/mapping/mapping.js'

/** Copies values from the order of the sources to layout order. Called for every snapshot. */
export function place({ order, series }: Mapping, numbers: Float64Array): Float64Array {
  const placed = new Float64Array(series)
  for (let at = 0; at < order.length; at++) if (order[at] >= 0) placed[order[at]] = numbers[at]
  return placed
}

/**
 * Copies timestamps to layout order, rounded to whole milliseconds and clamped to ±(2^53 − 1), the
 * range of a record.
 *
 * @returns null if no series of the layout has a timestamp
 */
export function placeTimestamps(mapping: Mapping, timestamps: Float64Array): Float64Array | null {
  const placed = place(mapping, timestamps)
  let hasTimestamp = false
  for (let i = 0; i < placed.length; i++) {
    const time = placed[i]
    if (Number.isNaN(time)) continue
    hasTimestamp = true
    placed[i] = Math.min(
      Math.max(Math.round(time), -Number.MAX_SAFE_INTEGER),
      Number.MAX_SAFE_INTEGER,
    )
  }
  return hasTimestamp ? placed : null
}
