import type { CompiledFamily } from '../../exposer/core/compiled-layout.js'
import type { HeldPart } from '../../exposer/core/snapshot.js'
import { numberText } from '../metrics/number-text.js'
import { BLOCK, type LayoutText } from './layout-text.js'

/** What follows the labels of a layout: more labels and the closing brace, by whether a brace is open. */
export interface Tail {
  readonly open: string
  readonly closed: string
}

export const NO_LABELS: Tail = { open: '} ', closed: ' ' }

/**
 * The samples of one family of one part, each after a line feed, as latin1 text. This loop is what a scrape costs.
 *
 * @param end what follows every value: nothing, or a timestamp
 */
export function seriesLines(
  part: HeldPart,
  text: LayoutText,
  family: CompiledFamily,
  tail: Tail,
  end: string,
  exemplars: ReadonlyMap<number, string> | null,
): string {
  const values = part.values!
  const { offsets, open, blocks } = text
  let lines = ''
  for (let i = family.from; i < family.to; ) {
    const first = i - (i % BLOCK)
    const heads = blocks[first / BLOCK]
    const base = offsets[first]
    let from = offsets[i] - base
    const last = Math.min(family.to, first + BLOCK)
    for (; i < last; i++) {
      const to = offsets[i + 1] - base
      lines += heads.slice(from, to) + (open[i] === 1 ? tail.open : tail.closed) + numberText(values[i])
      from = to
      if (end !== '') lines += end
      if (exemplars !== null) lines += exemplars.get(i) ?? ''
    }
  }
  return lines
}

/** Series of a family up to which it is one piece of work. */
const STEP = 500

/** The family itself, unless it is so long that no chunk should wait for all of it. */
export function pieces(family: CompiledFamily): readonly CompiledFamily[] {
  if (family.to - family.from <= STEP) return [family]
  const parts: CompiledFamily[] = []
  for (let from = family.from; from < family.to; from += STEP) {
    parts.push({ ...family, from, to: Math.min(family.to, from + STEP) })
  }
  return parts
}
