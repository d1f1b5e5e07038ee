import { Slice } from './scheduling.js'

/** Maps the items and yields the event loop between slices. */
export async function mapInSlices<T, R>(items: Iterable<T>, f: (item: T) => R): Promise<R[]> {
  const results: R[] = []
  const slice = new Slice()
  for (const item of items) {
    results.push(f(item))
    if (slice.isOver()) await slice.next()
  }
  return results
}

/** Lines that are sorted without yielding. */
const RUN = 1000

/**
 * Returns a sorted copy. Runs of lines are sorted and then merged; the event loop is yielded
 * between them.
 */
export async function sortInSlices(lines: readonly string[]): Promise<readonly string[]> {
  const runs: string[][] = []
  const slice = new Slice()
  for (let from = 0; from < lines.length; from += RUN) {
    runs.push(lines.slice(from, from + RUN).sort())
    if (slice.isOver()) await slice.next()
  }
  return mergeInSlices(runs)
}

/** Merges sorted lists into one sorted list, and yields the event loop in between. */
export async function mergeInSlices(
  lists: readonly (readonly string[])[],
): Promise<readonly string[]> {
  const slice = new Slice()
  let rest = [...lists]
  while (rest.length > 1) {
    const merged: (readonly string[])[] = []
    for (let i = 0; i < rest.length; i += 2)
      merged.push(i + 1 < rest.length ? await mergeTwo(rest[i], rest[i + 1], slice) : rest[i])
    rest = merged
  }
  return rest[0] ?? []
}

/** @param slice of all merges together: many short lists are as long as one */
async function mergeTwo(
  a: readonly string[],
  b: readonly string[],
  slice: Slice,
): Promise<readonly string[]> {
  if (slice.isOver()) await slice.next()
  const merged: string[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    merged.push(j >= b.length || (i < a.length && a[i] <= b[j]) ? a[i++] : b[j++])
    if (merged.length % RUN === 0 && slice.isOver()) await slice.next()
  }
  return merged
}
