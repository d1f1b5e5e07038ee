import type { Layout } from '../metrics/layout.js'
import type { Label } from '../metrics/model.js'
import {
  escapeValue,
  isLegacyLabelName,
  isLegacyMetricName,
  LABEL_CHARACTER,
  METRIC_CHARACTER,
  underscores,
} from './escape.js'
import type { Escaping } from './format.js'

/** Series per block, a power of two. */
export const BLOCK = 64
const MAX_SCRATCH = 1 << 20
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what ASCII is
const BEYOND_ASCII = /[^\x00-\x7f]/

/**
 * Text of each series of a layout, up to further labels or the value: a line feed and `name{a="b"`,
 * or `name` for a series without labels. The line feed is in front because one string less per line
 * saves a quarter of rendering. The text is UTF-8 in latin1 characters, so that slices are cheap
 * and chunks are written without encoding, and so that a million series in a thousand layouts fit
 * into memory.
 */
export class LayoutText {
  /**
   * Blocks of `BLOCK` series, a few kilobytes each: the heap has pages of 256 KiB, and two texts of
   * a whole layout would leave a fifth of each page unused.
   */
  readonly blocks: readonly string[]
  /** Start of each series, and the end of the last one. */
  readonly offsets: Uint32Array
  /** 1 if the brace is open: further labels follow a comma instead of a brace. */
  readonly open: Uint8Array

  constructor(layout: Layout, escaping: Escaping, taken: ReadonlySet<string>) {
    const count = layout.families.reduce((sum, family) => sum + family.series.length, 0)
    this.offsets = new Uint32Array(count + 1)
    this.open = new Uint8Array(count)
    const blocks: string[] = []
    let pieces: string[] = []
    let at = 0
    let i = 0
    for (const family of layout.families) {
      for (const series of family.series) {
        const { text, open } = seriesText(
          family.name + series.suffix,
          renameTaken(series.labels, taken),
          escaping,
        )
        const bytes = latin1(`\n${text}`)
        pieces.push(bytes)
        at += bytes.length
        this.open[i] = open ? 1 : 0
        this.offsets[++i] = at
        if (i % BLOCK !== 0 && i < count) continue
        blocks.push(flatCopy(pieces.join('')))
        pieces = []
      }
    }
    this.blocks = blocks
  }

  get bytes(): number {
    return this.offsets[this.open.length] + this.offsets.byteLength + this.open.byteLength
  }
}

let scratch = Buffer.alloc(0)

/** A flat copy: a concatenated string would keep all its pieces alive. */
function flatCopy(text: string): string {
  const { length } = text
  if (scratch.length < length || scratch.length > MAX_SCRATCH)
    scratch = Buffer.allocUnsafeSlow(length)
  scratch.write(text, 'latin1')
  return scratch.toString('latin1', 0, length)
}

/** Converts text to its UTF-8 bytes as latin1 characters. */
export function latin1(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The name of a family or series as it is written, and whether it is quoted within the braces. */
export function nameText(name: string, escaping: Escaping): { text: string; quoted: boolean } {
  if (isLegacyMetricName(name)) return { text: name, quoted: false }
  if (escaping === 'underscores')
    return { text: underscores(name, METRIC_CHARACTER), quoted: false }
  return { text: `"${escapeValue(name)}"`, quoted: true }
}

/** `a="b"`, with the name quoted or escaped if necessary. */
export function labelText(label: Label, escaping: Escaping): string {
  const { name, value } = label
  const legal = isLegacyLabelName(name)
  const written = legal
    ? name
    : escaping === 'underscores'
      ? underscores(name, LABEL_CHARACTER)
      : `"${escapeValue(name)}"`
  return `${written}="${escapeValue(value)}"`
}

function seriesText(
  name: string,
  labels: readonly Label[],
  escaping: Escaping,
): { text: string; open: boolean } {
  const written = nameText(name, escaping)
  const parts = labels.map(label => labelText(label, escaping))
  if (written.quoted) return { text: `{${[written.text, ...parts].join(',')}`, open: true }
  return parts.length
    ? { text: `${written.text}{${parts.join(',')}`, open: true }
    : { text: written.text, open: false }
}

/**
 * Renames labels that the target has too to `exported_…`, as a scrape without honor_labels does.
 */
function renameTaken(labels: readonly Label[], taken: ReadonlySet<string>): readonly Label[] {
  if (!labels.some(label => taken.has(label.name))) return labels
  const names = new Set([...taken, ...labels.map(label => label.name)])
  return labels.map(label => {
    if (!taken.has(label.name)) return label
    let name = label.name
    do name = `exported_${name}`
    while (names.has(name))
    names.add(name)
    return { name, value: label.value }
  })
}
