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

/** Series of a block, a power of two. */
export const BLOCK = 64
const MAX_SCRATCH = 1 << 20
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what ASCII is
const BEYOND_ASCII = /[^\x00-\x7f]/

/**
 * The text of every series of a layout up to where further labels or the value follow: a line feed and `name{a="b"`, or
 * `name` for a series without labels. The line feed is in front because one piece less a line is a quarter of rendering.
 * UTF-8 bytes in one string of latin1 characters, so that slices are cheap and chunks are written without encoding; for a
 * million series in a thousand layouts, that is what fits into memory.
 */
export class LayoutText {
  /**
   * In blocks of so many series, of some kilobytes each: the engine's heap has pages of 256 KiB, and two texts of a whole layout
   * would leave a fifth of each unused.
   */
  readonly blocks: readonly string[]
  /** Where each series begins; one more than there are series. */
  readonly offsets: Uint32Array
  /** 1 where a brace is open: what follows begins with a comma instead of a brace. */
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
        const { text, open } = head(family.name + series.suffix, renamed(series.labels, taken), escaping)
        const bytes = latin1(`\n${text}`)
        pieces.push(bytes)
        at += bytes.length
        this.open[i] = open ? 1 : 0
        this.offsets[++i] = at
        if (i % BLOCK !== 0 && i < count) continue
        blocks.push(flat(pieces.join('')))
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

/** A flat copy of its own: a rope would keep every piece alive. */
function flat(text: string): string {
  const { length } = text
  if (scratch.length < length || scratch.length > MAX_SCRATCH) scratch = Buffer.allocUnsafeSlow(length)
  scratch.write(text, 'latin1')
  return scratch.toString('latin1', 0, length)
}

/** UTF-8 bytes as latin1 characters. */
export function latin1(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The family's or series' name as it stands in a line, and whether it opens a brace by itself. */
export function nameText(name: string, escaping: Escaping): { text: string; quoted: boolean } {
  if (isLegacyMetricName(name)) return { text: name, quoted: false }
  if (escaping === 'underscores') return { text: underscores(name, METRIC_CHARACTER), quoted: false }
  return { text: `"${escapeValue(name)}"`, quoted: true }
}

/** `a="b"`, the name quoted or escaped where it has to be. */
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

function head(name: string, labels: readonly Label[], escaping: Escaping): { text: string; open: boolean } {
  const written = nameText(name, escaping)
  const parts = labels.map(label => labelText(label, escaping))
  if (written.quoted) return { text: `{${[written.text, ...parts].join(',')}`, open: true }
  return parts.length
    ? { text: `${written.text}{${parts.join(',')}`, open: true }
    : { text: written.text, open: false }
}

/** Labels whose names the target's own labels take become `exported_…`, as in a scrape without honor_labels. */
function renamed(labels: readonly Label[], taken: ReadonlySet<string>): readonly Label[] {
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
