import type { Steps } from '../../shared/base/steps.js'
import { BLOCK } from '../../shared/exposition/layout-text.js'
import type { CompiledLayout } from './store/compiled-layout.js'

/** Series per step. */
const STEP = 5000

/**
 * Finds the series of `layouts` that none of `others` has, by name and labels, in any order.
 *
 * In steps, because a layout may have tens of thousands of series. The caller holds the layouts.
 *
 * @returns for each of `layouts`, the indexes of the found series, ascending
 */
export function* seriesMissing(
  layouts: readonly CompiledLayout[],
  others: readonly CompiledLayout[],
): Steps<readonly number[][]> {
  const missing: number[][] = layouts.map(() => [])
  const differing = layouts.filter(layout => !others.includes(layout))
  if (differing.length === 0) return missing
  let step = 0
  const known = new Set<string>()
  for (const layout of others) {
    for (let i = 0; i < layout.series; i++) {
      known.add(headOf(layout, i))
      if (++step % STEP === 0) yield
    }
  }
  for (const layout of differing) {
    const indexes = missing[layouts.indexOf(layout)]
    for (let i = 0; i < layout.series; i++) {
      if (!known.has(headOf(layout, i))) indexes.push(i)
      if (++step % STEP === 0) yield
    }
  }
  return missing
}

/** The name and labels of a series, as text. */
function headOf(layout: CompiledLayout, index: number): string {
  const { blocks, offsets } = layout.plain
  const first = index - (index % BLOCK)
  return blocks[first / BLOCK].slice(
    offsets[index] - offsets[first],
    offsets[index + 1] - offsets[first],
  )
}
