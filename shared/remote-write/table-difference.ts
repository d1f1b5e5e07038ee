import type { Steps } from '../base/steps.js'
import type { SeriesTable } from './series-table.js'

/** Series per step. */
const STEP = 1000

/**
 * The series of some tables that none of others has, by their labels. All of them belong to one
 * target. Series that are not sent are left out.
 *
 * @param target values of the target's labels, in UTF-8 in latin1 characters
 * @returns for each of `tables` the indexes, ascending; null for all of its series
 */
export function* seriesLeftSteps(
  tables: readonly SeriesTable[],
  others: readonly SeriesTable[],
  target: readonly string[],
): Steps<readonly (Uint32Array | null)[]> {
  if (others.length === 0) return tables.map(({ kept }) => kept)
  let step = 0
  const known = new Set<string>()
  for (const table of others)
    for (let i = 0; i < table.series; i++) {
      if (table.isKept(i)) known.add(identityOf(table, i, target))
      if (++step % STEP === 0) yield
    }
  const all: Uint32Array[] = []
  for (const table of tables) {
    const left: number[] = []
    for (let i = 0; i < table.series && !others.includes(table); i++) {
      if (table.isKept(i) && !known.has(identityOf(table, i, target))) left.push(i)
      if (++step % STEP === 0) yield
    }
    all.push(Uint32Array.from(left))
  }
  return all
}

/** Not in UTF-8 in latin1 characters, as symbols are. */
const END = '\u0100'

function identityOf(
  { symbols, targetLabels, refs, refsFrom }: SeriesTable,
  series: number,
  target: readonly string[],
): string {
  let identity = ''
  for (let k = refsFrom[series]; k < refsFrom[series + 1]; k++)
    identity += (refs[k] < targetLabels ? target[refs[k]] : symbols[refs[k]]) + END
  return identity
}
