import type { Steps } from '../base/steps.js'
import type { Layout, LayoutFamily } from '../metrics/layout.js'
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
/** Characters of a long block, several times as many as usual. */
const LONG_BLOCK = 16 * 1024
const MAX_SCRATCH = 1 << 20
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what ASCII is
const BEYOND_ASCII = /[^\x00-\x7f]/

/** Text of the series of a layout or of a part of it, as in `LayoutText`. */
export interface SeriesText {
  /** Index of the first series, a multiple of `BLOCK`. */
  readonly start: number
  /**
   * Blocks of `BLOCK` series, a few kilobytes each: the heap has pages of 256 KiB, and two texts of
   * a whole layout would leave a fifth of each page unused.
   */
  readonly blocks: readonly string[]
  /** Start of each series in the text of all blocks, and the end of the last one. */
  readonly offsets: Uint32Array
  /** 1 if the brace is open: further labels follow a comma instead of a brace. */
  readonly open: Uint8Array
}

/**
 * Text of each series of a layout, up to further labels or the value: a line feed and `name{a="b"`,
 * or `name` for a series without labels. The line feed is in front because one string less per line
 * saves a quarter of rendering. The text is UTF-8 in latin1 characters, so that slices are cheap
 * and chunks are written without encoding, and so that a million series in a thousand layouts fit
 * into memory.
 */
export class LayoutText implements SeriesText {
  readonly start = 0
  /** Whether a few hundred series may have a very long text. */
  readonly hasLongBlocks: boolean

  constructor(
    readonly blocks: readonly string[],
    readonly offsets: Uint32Array,
    readonly open: Uint8Array,
  ) {
    this.hasLongBlocks = blocks.some(({ length }) => length > LONG_BLOCK)
  }
}

/** Characters of text that are written per step. A series counts as some more. */
const CHARACTERS_PER_STEP = 32 * 1024
const CHARACTERS_PER_SERIES = 64

/**
 * Writes the text of a layout.
 *
 * @param taken names of the labels that the view adds to each series
 */
export function* layoutTextSteps(
  { families }: Layout,
  escaping: Escaping,
  taken: ReadonlySet<string>,
): Steps<LayoutText> {
  const count = families.reduce((sum, family) => sum + family.series.length, 0)
  const writer = new TextWriter(count, escaping)
  let work = 0
  for (const family of families) {
    writer.beginFamily(family)
    for (const { suffix, labels } of family.series) {
      work += CHARACTERS_PER_SERIES + writer.beginSeries(suffix)
      for (const label of taken.size === 0 ? labels : renameTaken(labels, taken)) {
        work += writer.addLabel(label)
        if (work < CHARACTERS_PER_STEP) continue
        work = 0
        yield
      }
      writer.endSeries()
      if (work < CHARACTERS_PER_STEP) continue
      work = 0
      yield
    }
  }
  const { blocks, offsets, open } = writer
  return new LayoutText(blocks, offsets, open)
}

/** Characters after which a part of a block is copied at once. */
const COPIED_PART = 256 * 1024
/** Maximum number of labels whose texts are remembered. */
const MAX_LABEL_TEXTS = 16 * 1024

/** Writes the text of series one after the other. */
export class TextWriter {
  readonly blocks: string[] = []
  readonly offsets: Uint32Array
  readonly open: Uint8Array
  /** Text of labels: equal labels of a decoded layout are the same object. */
  readonly #labelTexts = new Map<Label, string>()
  /** Beginning of the series of the current family, by suffix. */
  readonly #begins = new Map<string, { readonly text: string; readonly open: boolean }>()
  #family = ''
  /** Whether the brace of the current series is open. */
  #isOpen = false
  /** Text of the current block after that in `#flat`, which is empty for a short block. */
  #block = ''
  readonly #flat: string[] = []
  #at = 0
  #index = 0

  constructor(
    private readonly count: number,
    private readonly escaping: Escaping,
  ) {
    this.offsets = new Uint32Array(count + 1)
    this.open = new Uint8Array(count)
  }

  beginFamily({ name }: Pick<LayoutFamily, 'name'>): void {
    this.#family = name
    this.#begins.clear()
  }

  /** @returns the length of its name */
  beginSeries(suffix: string): number {
    let begin = this.#begins.get(suffix)
    if (!begin) {
      const { text, quoted } = nameText(this.#family + suffix, this.escaping)
      begin = { text: `\n${quoted ? '{' : ''}${latin1(text)}`, open: quoted }
      this.#begins.set(suffix, begin)
    }
    this.#isOpen = begin.open
    return this.#write(begin.text)
  }

  /** @returns the length of its text */
  addLabel(label: Label): number {
    let text = this.#labelTexts.get(label)
    if (text === undefined) {
      text = latin1(labelText(label, this.escaping))
      if (this.#labelTexts.size < MAX_LABEL_TEXTS) this.#labelTexts.set(label, text)
    }
    const length = this.#write(this.#isOpen ? ',' : '{') + this.#write(text)
    this.#isOpen = true
    return length
  }

  endSeries(): void {
    this.open[this.#index] = this.#isOpen ? 1 : 0
    this.#end()
  }

  /** Leaves out a series. */
  skip(): void {
    this.#end()
  }

  #end(): void {
    this.offsets[++this.#index] = this.#at
    if (this.#index % BLOCK === 0 || this.#index === this.count)
      this.blocks.push(this.#finishBlock())
    else if (this.#block.length >= COPIED_PART) this.#flatten()
  }

  /** Copies the text so far, so that the copy of a long block is not made in one step. */
  #flatten(): void {
    this.#flat.push(flatCopy(this.#block))
    this.#block = ''
  }

  #finishBlock(): string {
    const block = flatCopy(this.#block)
    this.#block = ''
    return this.#flat.length === 0 ? block : [...this.#flat.splice(0), block].join('')
  }

  #write(text: string): number {
    this.#block += text
    this.#at += text.length
    return text.length
  }
}

let scratch = Buffer.alloc(0)

/** A flat copy of latin1 text: a concatenated string would keep all its pieces alive. */
export function flatCopy(text: string): string {
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

/**
 * Renames labels that the target has too to `exported_…`, as a scrape without honor_labels does.
 */
export function renameTaken(
  labels: readonly Label[],
  taken: ReadonlySet<string>,
): readonly Label[] {
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
