import { isLegacyLabelName, isLegacyMetricName } from '../../../shared/exposition/escape.js'
import type { FamilyHead } from '../../../shared/exposition/family-lines.js'
import type { Escaping } from '../../../shared/exposition/format.js'
import { LayoutText } from '../../../shared/exposition/layout-text.js'
import type { Layout } from '../../../shared/metrics/layout.js'
import { decodeLayout, inflateLayout } from '../../../shared/snapshot/layout.js'
import type { Held } from './held.js'

export interface CompiledFamily extends FamilyHead {
  /** Indexes of its series: from `from`, below `to`. */
  readonly from: number
  readonly to: number
}

const NONE: ReadonlySet<string> = new Set()
/** Cached texts of a layout besides the plain one. */
const MAX_VARIANTS = 16
/**
 * Estimated bytes of a family besides its texts: object, entry in the family index and its maps.
 */
const FAMILY_BYTES = 600

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
  /** Source for further texts, which are rare. Decoded layouts would take too much memory. */
  readonly #compressed: Buffer
  readonly #plain: LayoutText
  readonly #variants = new Map<string, LayoutText>()
  readonly #labelNames: ReadonlySet<string>
  /** Whether no name needs quoting, so that the text is the same for both escapings. */
  readonly #legacy: boolean

  #bytes: number

  /** @param onGrown called with the additional bytes when another text was rendered */
  constructor(
    layout: Layout,
    id: string,
    compressed: Uint8Array,
    private readonly onGrown: (layout: CompiledLayout, bytes: number) => void,
  ) {
    this.id = id
    this.idBytes = Uint8Array.from(Buffer.from(id, 'latin1'))
    const families: CompiledFamily[] = []
    const labelNames = new Set<string>()
    let legacy = true
    let at = 0
    for (const family of layout.families) {
      const from = at
      at += family.series.length
      legacy &&= isLegacyMetricName(family.name)
      for (const series of family.series)
        for (const label of series.labels) labelNames.add(label.name)
      const { name, type, help, unit } = family
      const counterSuffix =
        type === 'counter' && family.series[0]?.suffix === '_total' ? '_total' : ''
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

  /** @param taken names of the target's labels, in a view that exposes them with each series */
  text(escaping: Escaping, taken: ReadonlySet<string> = NONE): LayoutText {
    let variant = this.#legacy || escaping === 'allow-utf-8' ? '' : 'escaped'
    for (const name of taken) if (this.#labelNames.has(name)) variant += `\0${name}`
    if (variant === '') return this.#plain
    return this.#variants.get(variant) ?? this.#makeVariant(variant, escaping, taken)
  }

  /** Bytes of all texts and families. */
  get bytes(): number {
    return this.#bytes
  }

  #makeVariant(variant: string, escaping: Escaping, taken: ReadonlySet<string>): LayoutText {
    const text = new LayoutText(
      decodeLayout(inflateLayout(this.id, this.#compressed)),
      escaping,
      taken,
    )
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
