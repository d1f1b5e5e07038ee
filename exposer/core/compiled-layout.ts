import { isLegacyLabelName, isLegacyMetricName } from '../../shared/exposition/escape.js'
import type { FamilyHead } from '../../shared/exposition/family-lines.js'
import type { Escaping } from '../../shared/exposition/format.js'
import { LayoutText } from '../../shared/exposition/layout-text.js'
import type { Layout } from '../../shared/metrics/layout.js'
import { decodeLayout, inflateLayout } from '../../shared/snapshot/layout.js'

export interface CompiledFamily extends FamilyHead {
  /** Its series: from `from`, below `to`. */
  readonly from: number
  readonly to: number
}

const NONE: ReadonlySet<string> = new Set()

/** What a shard keeps of a layout: its families, and the text of its series, once for all targets that share it. */
export class CompiledLayout {
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

  constructor(layout: Layout, id: string, compressed: Uint8Array) {
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
  }

  /** @param taken names that the target's own labels take, for a view that shows them */
  text(escaping: Escaping, taken: ReadonlySet<string> = NONE): LayoutText {
    let variant = this.#legacy || escaping === 'allow-utf-8' ? '' : 'escaped'
    for (const name of taken) if (this.#labelNames.has(name)) variant += `\0${name}`
    if (variant === '') return this.#plain
    let text = this.#variants.get(variant)
    if (!text) {
      text = new LayoutText(decodeLayout(inflateLayout(this.id, this.#compressed)), escaping, taken)
      this.#variants.set(variant, text)
    }
    return text
  }

  get bytes(): number {
    return this.#plain.bytes + this.#compressed.length + 200 * this.families.length
  }
}
