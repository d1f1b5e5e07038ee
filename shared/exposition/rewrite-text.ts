import type { Escaping } from './format.js'
import { BLOCK, type LayoutText, renameTaken, type SeriesText, TextWriter } from './layout-text.js'
import { parseSeriesText } from './parse-series.js'

/**
 * Text of some series of a layout with another escaping or with renamed labels, made from their
 * plain text: decoding the layout again would take its whole memory.
 *
 * @param plain text with the escaping `allow-utf-8` and without renamed labels
 */
export function rewriteText(
  plain: LayoutText,
  { from, to }: { readonly from: number; readonly to: number },
  escaping: Escaping,
  taken: ReadonlySet<string>,
): SeriesText {
  const start = from - (from % BLOCK)
  const writer = new TextWriter(to - start, escaping)
  for (let i = start; i < from; i++) writer.skip()
  for (let i = from; i < to; i++) {
    const { name, labels } = parseSeriesText(plainSeries(plain, i))
    writer.beginFamily({ name })
    writer.beginSeries('')
    for (const label of renameTaken(labels, taken)) writer.addLabel(label)
    writer.endSeries()
  }
  const { blocks, offsets, open } = writer
  return { start, blocks, offsets, open }
}

/** The text of a series without its line feed. */
function plainSeries({ blocks, offsets }: LayoutText, index: number): string {
  const first = index - (index % BLOCK)
  const base = offsets[first]
  const text = blocks[first / BLOCK].slice(offsets[index] - base + 1, offsets[index + 1] - base)
  return Buffer.from(text, 'latin1').toString('utf8')
}
