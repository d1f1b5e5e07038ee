import type { Steps } from './steps.js'

/** Items that are sorted or merged in one step. */
const ITEMS_PER_STEP = 1000

/** Returns a sorted copy: sorts runs of items, then merges the runs. The sort is stable. */
export function* sortSteps<T>(items: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  let runs: T[][] = []
  for (let from = 0; from < items.length; from += ITEMS_PER_STEP) {
    runs.push(items.slice(from, from + ITEMS_PER_STEP).sort(compare))
    yield
  }
  while (runs.length > 1) {
    const merged: T[][] = []
    for (let i = 0; i < runs.length; i += 2)
      merged.push(i + 1 < runs.length ? yield* merge(runs[i], runs[i + 1], compare) : runs[i])
    runs = merged
  }
  return runs[0] ?? []
}

function* merge<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  const merged: T[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const first = j === b.length || (i < a.length && compare(a[i], b[j]) <= 0)
    if (merged.push(first ? a[i++] : b[j++]) % ITEMS_PER_STEP === 0) yield
  }
  return merged
}
