import { runNow } from '../../shared/base/steps.js'
import type { LayoutFamily } from '../../shared/metrics/layout.js'
import { encodeFamilies } from '../../shared/snapshot/layout.js'

/** Families of one program. */
export interface Page {
  readonly families: readonly LayoutFamily[]
  /**
   * A series is left out if it has fewer sequences that no chosen one has. 1 keeps everything, so
   * that a layout with the same families is a few long matches. The more, the less is repeated.
   */
  readonly minNew: number
}

/** Bytes of a sequence. A shorter match saves hardly anything at the distances of a dictionary. */
const SEQUENCE_BYTES = 6

/**
 * The content of a dictionary: the pages in the encoding of a layout, without what is repeated.
 * Among repetitions, those in the last page are kept: near matches are the shortest.
 *
 * @param pages the most common last
 */
export function choose(pages: readonly Page[]): Buffer {
  const seen = new Sequences()
  return Buffer.concat(
    pages
      .toReversed()
      .map(page => ofPage(page, seen))
      .toReversed(),
  )
}

function ofPage({ families, minNew }: Page, seen: Sequences): Buffer {
  const chosen: Buffer[] = []
  for (const family of families) {
    const { series } = family
    if (seen.countNew(encoded({ ...family, series: series.slice(0, 1) })) < minNew) continue
    const head = encoded({ ...family, series: [] })
    seen.add(head)
    const kept = series.filter((one, i) => {
      const bytes = encoded({ ...family, series: [one] }).subarray(head.length)
      const keep = i === 0 || seen.countNew(bytes) >= minNew
      if (keep) seen.add(bytes)
      return keep
    })
    const whole = encoded({ ...family, series: kept })
    seen.add(whole)
    chosen.push(whole)
  }
  return Buffer.concat(chosen)
}

const encoded = (family: LayoutFamily): Buffer => runNow(encodeFamilies([family])).bytes

/** The sequences of what is chosen. */
class Sequences {
  readonly #seen = new Set<string>()

  add(bytes: Buffer): void {
    for (const sequence of sequencesOf(bytes)) this.#seen.add(sequence)
  }

  /** Number of different sequences that are not in what is chosen. */
  countNew(bytes: Buffer): number {
    return [...new Set(sequencesOf(bytes))].filter(sequence => !this.#seen.has(sequence)).length
  }
}

function* sequencesOf(bytes: Buffer): Generator<string> {
  for (let at = 0; at + SEQUENCE_BYTES <= bytes.length; at++)
    yield bytes.toString('latin1', at, at + SEQUENCE_BYTES)
}
