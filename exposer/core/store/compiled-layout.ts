import { isLegacyLabelName, isLegacyMetricName } from '../../../shared/exposition/escape.js'
import type { FamilyHead } from '../../../shared/exposition/family-lines.js'
import type { Escaping } from '../../../shared/exposition/format.js'
import { LayoutText } from '../../../shared/exposition/layout-text.js'
import type { Layout } from '../../../shared/metrics/layout.js'
import { decodeLayout, inflateLayout } from '../../../shared/snapshot/layout.js'
import { Held } from './held.js'

export interface CompiledFamily extends FamilyHead {
  /** Its series: from `from`, below `to`. */
  readonly from: number
  readonly to: number
}

const NONE: ReadonlySet<string> = new Set()
/** Texts of a layout beside the plain one that are kept. */
const MAX_VARIANTS = 16
/** What a family takes beside its texts: its own object, its entry in the family index, and the maps of that. */
const FAMILY_BYTES = 600

/** What a shard keeps of a layout: its families, and the text of its series, once for all targets that share it. */
export class CompiledLayout extends Held {
  readonly id: string
  readonly families: readonly CompiledFamily[]
  readonly series: number
  /** The source, for the rare other spelling: decoded objects of a thousand layouts would not fit. */
  readonly #compressed: Buffer
  readonly #plain: LayoutText
  readonly #variants = new Map<string, LayoutText>()
  readonly #labelNames: ReadonlySet<string>
  /** Whether every name can be written without quoting, so that both escapings are the same text. */
  readonly #legacy: boolean

  #bytes: number

  /** @param onGrown told how many bytes more it takes, when a text was made that it had not yet */
  constructor(
    layout: Layout,
    id: string,
    compressed: Uint8Array,
    private readonly onGrown: (layout: CompiledLayout, bytes: number) => void,
  ) {
    super()
    this.id = id
    const families: CompiledFamily[] = []
    const labelNames = new Set<string>()
    let legacy = true
    let at = 0
    for (const family of layout.families) {
      const from = at
      at += family.series.length
      legacy &&= isLegacyMetricName(family.name)
      for (const series of family.series) for (const label of series.labels) labelNames.add(label.name)
      const { name, type, help, unit } = family
      const counterSuffix = type === 'counter' && family.series[0]?.suffix === '_total' ? '_total' : ''
      families.push({ name, counterSuffix, type, help, unit, from, to: at })
    }
    for (const name of labelNames) legacy &&= isLegacyLabelName(name)
    this.families = families
    this.series = at
    this.#legacy = legacy
    this.#labelNames = labelNames
    this.#plain = new LayoutText(layout, 'allow-utf-8', NONE)
    this.#compressed = Buffer.from(compressed)
    this.#bytes = this.#plain.bytes + this.#compressed.length
    for (const { name, help, unit } of families) {
      this.#bytes += FAMILY_BYTES + name.length + help.length + unit.length
    }
  }

  /** @param taken names that the target's own labels take, for a view that shows them */
  text(escaping: Escaping, taken: ReadonlySet<string> = NONE): LayoutText {
    let variant = this.#legacy || escaping === 'allow-utf-8' ? '' : 'escaped'
    for (const name of taken) if (this.#labelNames.has(name)) variant += `\0${name}`
    if (variant === '') return this.#plain
    return this.#variants.get(variant) ?? this.#makeVariant(variant, escaping, taken)
  }

  /** Of its texts, with all variants, and of its families. */
  get bytes(): number {
    return this.#bytes
  }

  #makeVariant(variant: string, escaping: Escaping, taken: ReadonlySet<string>): LayoutText {
    const text = new LayoutText(decodeLayout(inflateLayout(this.id, this.#compressed)), escaping, taken)
    let grown = text.bytes
    if (this.#variants.size >= MAX_VARIANTS) {
      const [[oldest, { bytes }]] = this.#variants
      this.#variants.delete(oldest)
      grown -= bytes
    }
    this.#variants.set(variant, text)
    this.#bytes += grown
    this.onGrown(this, grown)
    return text
  }
}
