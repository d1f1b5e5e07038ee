import type { Exemplar } from '../metrics/model.js'

/**
 * Returns the exemplars of a part that fit into its record, by index into the values of the part.
 *
 * @param bytes space left in the record
 */
export function exemplarsWithin(
  exemplars: readonly Exemplar[] | null,
  { from, to }: { readonly from: number; readonly to: number },
  bytes: number,
): Exemplar[] | null {
  if (!exemplars) return null
  let left = bytes
  const kept: Exemplar[] = []
  for (const exemplar of exemplars) {
    if (exemplar.series < from || exemplar.series >= to) continue
    left -=
      40 +
      exemplar.labels.reduce((sum, { name, value }) => sum + 4 + Buffer.byteLength(name + value), 0)
    if (left < 0) break
    kept.push({ ...exemplar, series: exemplar.series - from })
  }
  return kept.length > 0 ? kept : null
}
