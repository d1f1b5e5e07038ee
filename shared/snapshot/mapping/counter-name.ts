const TOTAL = '_total'

/**
 * The family of a counter whose samples are named `name`, and what they add to it. A family is
 * named without `_total`; where that would be no name, or one that the written formats show for
 * something else too, the counter goes by its full name and without a type, as which any name is
 * allowed.
 *
 * @param exposedNames names of the source's metrics and of their samples
 * @returns null for a counter without a type
 */
export function counterFamily(
  name: string,
  exposedNames: ReadonlySet<string>,
): { readonly family: string; readonly suffix: '_total' | '' } | null {
  if (!name.endsWith(TOTAL)) return { family: name, suffix: '' }
  const family = name.slice(0, -TOTAL.length)
  return family === '' || family.endsWith(TOTAL) || exposedNames.has(family)
    ? null
    : { family, suffix: TOTAL }
}
