import type { Steps } from '../../../shared/base/steps.js'
import { isLegacyLabelName, isLegacyMetricName } from '../../../shared/exposition/escape.js'
import type { FamilyHead } from '../../../shared/exposition/family-lines.js'
import type { Escaping } from '../../../shared/exposition/format.js'
import { type LayoutText, layoutTextSteps } from '../../../shared/exposition/layout-text.js'
import type { Layout } from '../../../shared/metrics/layout.js'
import type { Limits } from '../../../shared/metrics/limits.js'
import { compileBytesSteps } from './direct/compile-bytes.js'
import type { Held } from './held.js'
import { familyHeap, textBytes } from './sizes.js'
import { sizeOfText, TextVariant } from './text-variant.js'

export interface CompiledFamily extends FamilyHead {
  /** Indexes of its series: from `from`, below `to`. */
  readonly from: number
  readonly to: number
}

const NONE: ReadonlySet<string> = new Set()
/** Cached texts of a layout besides the plain one. */
const MAX_VARIANTS = 16
/** Estimated bytes of objects without their texts and arrays, measured as those in sizes.ts. */
export const LAYOUT_BYTES = 1450
const LABEL_NAME_BYTES = 30
const VARIANT_BYTES = 500
const FAMILIES_PER_STEP = 2000
const LABELS_PER_STEP = 10_000
/** Maximum number of label names that are remembered. */
const MAX_LABEL_NAMES = 1000

/** Memory of the cached texts of layouts. */
export interface VariantMemory {
  /** Whether so many more bytes on the heap may be cached. */
  fits(bytes: number): boolean
  /** The heap of a layout has changed. */
  onGrown(layout: CompiledLayout, bytes: number): void
}

/**
 * Compiles an encoded layout.
 *
 * @returns null for one that has to be decoded
 */
export function* compileEncodedSteps(
  bytes: Buffer,
  id: string,
  limits: Limits,
  memory: VariantMemory,
): Steps<CompiledLayout | null> {
  const compiled = yield* compileBytesSteps(bytes, limits)
  if (!compiled) return null
  const { families, heap, text, labelNames } = compiled
  return new CompiledLayout({ families, heap, legacy: true }, id, text, labelNames, memory)
}

/** Compiles a decoded layout. */
export function* compileSteps(
  layout: Layout,
  id: string,
  memory: VariantMemory,
): Steps<CompiledLayout> {
  const families = yield* familiesOf(layout)
  const labelNames = yield* labelNamesOf(layout)
  const text = yield* layoutTextSteps(layout, 'allow-utf-8', NONE)
  return new CompiledLayout(families, id, text, labelNames, memory)
}

interface Families {
  readonly families: readonly CompiledFamily[]
  /** Estimated bytes on the heap. */
  readonly heap: number
  /** Whether no name needs quoting. */
  readonly legacy: boolean
}

function* familiesOf({ families }: Layout): Steps<Families> {
  const compiled: CompiledFamily[] = []
  let legacy = true
  let heap = 0
  let at = 0
  for (const { name, type, help, unit, series } of families) {
    const from = at
    at += series.length
    legacy &&= isLegacyMetricName(name)
    const counterSuffix = type === 'counter' && series[0]?.suffix === '_total' ? '_total' : ''
    heap += familyHeap(name, help, unit)
    const family = { name, counterSuffix, type, help, unit, from, to: at } as const
    if (compiled.push(family) % FAMILIES_PER_STEP === 0) yield
  }
  return { families: compiled, heap, legacy }
}

/** The names of all labels, or null if there are too many to remember. */
function* labelNamesOf({ families }: Layout): Steps<ReadonlySet<string> | null> {
  const names = new Set<string>()
  let work = 0
  for (const { series } of families) {
    for (const { labels } of series) {
      for (const { name } of labels) names.add(name)
      if (names.size > MAX_LABEL_NAMES) return null
      work += 1 + labels.length
      if (work < LABELS_PER_STEP) continue
      work = 0
      yield
    }
  }
  return names
}

/**
 * A layout as a shard holds it: its families and the text of its series, shared by all its targets.
 */
export class CompiledLayout implements Held {
  readonly kind = 'layout'
  holders = 0
  readonly id: string
  /** The id as it is in a record. */
  readonly idBytes: Uint8Array
  readonly families: readonly CompiledFamily[]
  readonly series: number
  readonly #plain: LayoutText
  readonly #variants = new Map<string, TextVariant>()
  /** Null if there are too many: then every name may be that of a label. */
  readonly #labelNames: ReadonlySet<string> | null
  /** Whether no name needs quoting, so that the text is the same for both escapings. */
  readonly #legacy: boolean

  readonly buffers: number
  #heap: number

  constructor(
    { families, heap, legacy }: Families,
    id: string,
    plain: LayoutText,
    labelNames: ReadonlySet<string> | null,
    private readonly memory: VariantMemory,
  ) {
    this.id = id
    this.idBytes = Uint8Array.from(Buffer.from(id, 'latin1'))
    this.families = families
    this.series = families[families.length - 1]?.to ?? 0
    this.#legacy = legacy && labelNames !== null && [...labelNames].every(isLegacyLabelName)
    this.#labelNames = labelNames
    this.#plain = plain
    const text = sizeOfText(plain)
    this.#heap = LAYOUT_BYTES + heap + text.heap
    this.buffers = text.buffers
    for (const name of labelNames ?? []) this.#heap += LABEL_NAME_BYTES + textBytes(name)
  }

  /** The text with unescaped names, without the target's labels. */
  get plain(): LayoutText {
    return this.#plain
  }

  /** @param taken names of the target's labels, in a view that exposes them with each series */
  text(escaping: Escaping, taken: ReadonlySet<string> = NONE): LayoutText | TextVariant {
    let key = this.#legacy || escaping === 'allow-utf-8' ? '' : 'escaped'
    let renamed = false
    for (const name of taken) {
      if (this.#labelNames !== null && !this.#labelNames.has(name)) continue
      key += `\0${name}`
      renamed = true
    }
    // A renamed label must not become one of those either.
    if (renamed) for (const name of taken) if (name.startsWith('exported_')) key += `\0${name}`
    if (key === '') return this.#plain
    return this.#variants.get(key) ?? this.#makeVariant(key, escaping, taken)
  }

  get heap(): number {
    return this.#heap
  }

  /** Bytes of heap and buffers, without the entries in the family index. */
  get bytes(): number {
    return this.#heap + this.buffers
  }

  /** Drops the cached text that was made first. @returns false if there is none */
  dropVariant(): boolean {
    for (const [key, variant] of this.#variants) {
      this.#variants.delete(key)
      this.#grow(-variantBytes(key) - variant.bytes)
      return true
    }
    return false
  }

  #makeVariant(key: string, escaping: Escaping, taken: ReadonlySet<string>): TextVariant {
    if (!this.memory.fits(variantBytes(key)))
      return new TextVariant(this.#plain, escaping, taken, () => false)
    const made = new TextVariant(this.#plain, escaping, taken, (variant, bytes) => {
      const cached = this.#variants.get(key) === variant && this.memory.fits(bytes)
      if (cached) this.#grow(bytes)
      return cached
    })
    if (this.#variants.size >= MAX_VARIANTS) this.dropVariant()
    this.#variants.set(key, made)
    this.#grow(variantBytes(key))
    return made
  }

  #grow(bytes: number): void {
    this.#heap += bytes
    this.memory.onGrown(this, bytes)
  }
}

/** Bytes of a variant without its blocks: its key, and the names of the target's labels. */
function variantBytes(key: string): number {
  return VARIANT_BYTES + 2 * textBytes(key)
}
