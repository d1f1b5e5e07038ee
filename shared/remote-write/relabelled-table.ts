import type { Steps } from '../base/steps.js'
import { latin1 } from '../exposition/layout-text.js'
import type { Label } from '../metrics/model.js'
import type { LabelMap } from '../metrics/relabel/relabel.js'
import { type Relabelling, RelabelWork } from './relabelling.js'
import { SeriesTable } from './series-table.js'
import { Symbols } from './symbols.js'

/** No text that was read has a lone surrogate. */
const UNREAD = '\ud800'

/**
 * Relabels the series of a table, in steps. Series that are dropped keep their indexes.
 *
 * The result is for all targets with the same key (`Relabelling.keyOf`): a value that no rule reads
 * is replaced by a placeholder, which the rules keep, move or remove as they would the value.
 *
 * @param target labels of the target, in the order of the table
 */
export function* relabelTableSteps(
  table: SeriesTable,
  target: readonly Label[],
  relabelling: Relabelling,
): Steps<SeriesTable> {
  const { refs, refsFrom, series, types, helps, units } = table
  const values = target.map(({ name, value }, i) =>
    relabelling.reads(name) ? value : `${UNREAD}${i}`,
  )
  const placeholders = new Map(
    values.flatMap((value, i) => (relabelling.reads(target[i].name) ? [] : [[value, i]])),
  )
  const texts: string[] = [...values, ...table.symbols.slice(values.length).map(utf8)]
  const symbols = new Symbols(values.length)
  const used = values.map(() => false)
  const kept: number[] = []
  const newRefs: number[] = []
  const newRefsFrom = new Uint32Array(series + 1)
  const newHelps = new Uint32Array(series)
  const newUnits = new Uint32Array(series)
  const work = new RelabelWork()
  for (let i = 0; i < series; i++) {
    const labels: LabelMap = new Map()
    let characters = 0
    for (let k = refsFrom[i]; k < refsFrom[i + 1]; k += 2) {
      const name = texts[refs[k]]
      const value = texts[refs[k + 1]]
      characters += name.length + value.length
      labels.set(name, value)
    }
    if (work.add(characters)) yield
    if (relabelling.apply(labels)) {
      kept.push(i)
      for (const [name, value] of sorted(labels)) {
        const own = placeholders.get(value)
        if (own !== undefined) used[own] = true
        newRefs.push(symbols.of(latin1(name)), own ?? symbols.of(latin1(value)))
      }
      newHelps[i] = symbols.of(table.symbols[helps[i]])
      newUnits[i] = symbols.of(table.symbols[units[i]])
    }
    newRefsFrom[i + 1] = newRefs.length
  }
  const arrays = {
    refs: Uint32Array.from(newRefs),
    refsFrom: newRefsFrom,
    types,
    helps: newHelps,
    units: newUnits,
  }
  const isWhole = kept.length === series
  return new SeriesTable(table.families, symbols.all, values.length, arrays, {
    kept: isWhole ? null : Uint32Array.from(kept),
    used,
  })
}

/** Names and values in the order of the UTF-8 names. */
export const sorted = (labels: LabelMap): (readonly [name: string, value: string])[] =>
  [...labels].sort(([a], [b]) => (latin1(a) < latin1(b) ? -1 : 1))

/** The text of UTF-8 in latin1 characters. */
function utf8(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text, 'latin1').toString('utf8')
}
