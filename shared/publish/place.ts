import type { Mapping } from '../snapshot/mapping/mapping.js'

/** Numbers in the order of a source as a layout has them. Done for every snapshot. */
export function place({ order, series }: Mapping, numbers: Float64Array): Float64Array {
  const placed = new Float64Array(series)
  for (let at = 0; at < order.length; at++) if (order[at] >= 0) placed[order[at]] = numbers[at]
  return placed
}
