import type { Label } from '../metrics/model.js'
import type { Escaping } from './format.js'
import { BLOCK, type LayoutText, renameTaken, type SeriesText, TextWriter } from './layout-text.js'

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
    const { name, labels } = parse(plainSeries(plain, i))
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

/** Reads `name{a="b"` or `{"name",a="b"`, as `LayoutText` writes them. */
function parse(text: string): { name: string; labels: Label[] } {
  const reader = new Reader(text)
  if (text.startsWith('{')) {
    reader.at = 1
    const name = reader.quoted()
    return { name, labels: reader.labels() }
  }
  return { name: reader.until('{'), labels: reader.labels() }
}

class Reader {
  at = 0

  constructor(private readonly text: string) {}

  /** The labels after a brace or a comma. */
  labels(): Label[] {
    const labels: Label[] = []
    while (++this.at < this.text.length) {
      const name = this.text[this.at] === '"' ? this.quoted() : this.until('=')
      this.at++
      labels.push({ name, value: this.quoted() })
    }
    return labels
  }

  until(end: string): string {
    const from = this.at
    const to = this.text.indexOf(end, from)
    this.at = to < 0 ? this.text.length : to
    return this.text.slice(from, this.at)
  }

  quoted(): string {
    const from = this.at + 1
    let to = from
    while (this.text[to] !== '"') to += this.text[to] === '\\' ? 2 : 1
    this.at = to + 1
    return unescaped(this.text.slice(from, to))
  }
}

function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
}
