const TOTAL = '_total'

/**
 * Family and suffix of a counter whose samples have this name. The name of the family is the name
 * without `_total`. If that is empty, ends in `_total` or is exposed by another metric, the counter
 * keeps its full name and has no type: any name is valid then.
 *
 * @param exposedNames names of the metrics of the source and of their samples
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
