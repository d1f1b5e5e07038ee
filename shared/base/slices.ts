import { setImmediate as nextTurn } from 'node:timers/promises'

/** Milliseconds of one's own work after which everything else gets its turn. */
const SLICE_MS = 5

/** Applies `f` to every item, a slice per turn of the event loop. */
export async function mapInSlices<T, R>(items: Iterable<T>, f: (item: T) => R): Promise<R[]> {
  const results: R[] = []
  let slice = performance.now()
  for (const item of items) {
    results.push(f(item))
    if (performance.now() - slice < SLICE_MS) continue
    await nextTurn()
    slice = performance.now()
  }
  return results
}

const RUN = 1000

/** Sorted copy of many lines: runs are sorted and then merged, with turns of the event loop in between. */
export async function sortInSlices(lines: readonly string[]): Promise<string[]> {
  const runs: string[][] = []
  for (let from = 0; from < lines.length; from += RUN) {
    runs.push(lines.slice(from, from + RUN).sort())
    await nextTurn()
  }
  return mergeInSlices(runs)
}

/** One sorted list of several sorted ones. */
export async function mergeInSlices(lists: readonly (readonly string[])[]): Promise<string[]> {
  let rest = [...lists]
  while (rest.length > 1) {
    const merged: (readonly string[])[] = []
    for (let i = 0; i < rest.length; i += 2)
      merged.push(i + 1 < rest.length ? await mergeTwo(rest[i], rest[i + 1]) : rest[i])
    rest = merged
  }
  return [...(rest[0] ?? [])]
}

async function mergeTwo(a: readonly string[], b: readonly string[]): Promise<string[]> {
  const merged: string[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    merged.push(j >= b.length || (i < a.length && a[i] <= b[j]) ? a[i++] : b[j++])
    if (merged.length % (16 * RUN) === 0) await nextTurn()
  }
  return merged
}
