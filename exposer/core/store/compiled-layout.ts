import type { Steps } from '../../../shared/base/steps.js'
import { isLegacyLabelName, isLegacyMetricName } from '../../../shared/exposition/escape.js'
import type { FamilyHead } from '../../../shared/exposition/family-lines.js'
import type { Escaping } from '../../../shared/exposition/format.js'
import { type LayoutText, layoutTextSteps } from '../../../shared/exposition/layout-text.js'
import type { Layout } from '../../../shared/metrics/layout.js'
import type { Limits } from '../../../shared/metrics/limits.js'
import { decodeLayoutSteps, inflateLayoutSteps } from '../../../shared/snapshot/layout.js'
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
 * Estimated bytes of a family besides its texts: object, entries of its names in the family index,
 * and its maps.
 */
const FAMILY_BYTES = 1000
const FAMILIES_PER_STEP = 2000
const LABELS_PER_STEP = 10_000
/** Maximum number of label names that are remembered. */
const MAX_LABEL_NAMES = 1000

export interface CompileOptions {
  readonly limits: Limits
  /** Called with the additional bytes when another text was rendered. */
  onGrown(layout: CompiledLayout, bytes: number): void
}

/** Compiles a layout. @param compressed a slice of its record, which is copied */
export function* compileSteps(
  layout: Layout,
  id: string,
  compressed: Uint8Array,
  options: CompileOptions,
): Steps<CompiledLayout> {
  const families = yield* familiesOf(layout)
  const labelNames = yield* labelNamesOf(layout)
  const text = yield* layoutTextSteps(layout, 'allow-utf-8', NONE)
  return new CompiledLayout(families, id, compressed, text, labelNames, options)
}

interface Families {
  readonly families: readonly CompiledFamily[]
  /** Estimated bytes. */
  readonly bytes: number
  /** Whether no name needs quoting. */
  readonly legacy: boolean
}

function* familiesOf({ families }: Layout): Steps<Families> {
  const compiled: CompiledFamily[] = []
  let legacy = true
  let bytes = 0
  let at = 0
  for (const { name, type, help, unit, series } of families) {
    const from = at
    at += series.length
    legacy &&= isLegacyMetricName(name)
    const counterSuffix = type === 'counter' && series[0]?.suffix === '_total' ? '_total' : ''
    bytes += FAMILY_BYTES + name.length + help.length + unit.length
    const family = { name, counterSuffix, type, help, unit, from, to: at } as const
    if (compiled.push(family) % FAMILIES_PER_STEP === 0) yield
  }
  return { families: compiled, bytes, legacy }
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
  /** Source for further texts, which are rare. Decoded layouts would take too much memory. */
  readonly #compressed: Buffer
  readonly #plain: LayoutText
  readonly #variants = new Map<string, LayoutText>()
  /** Null if there are too many: then every name may be that of a label. */
  readonly #labelNames: ReadonlySet<string> | null
  /** Whether no name needs quoting, so that the text is the same for both escapings. */
  readonly #legacy: boolean

  #bytes: number

  constructor(
    { families, bytes, legacy }: Families,
    id: string,
    compressed: Uint8Array,
    plain: LayoutText,
    labelNames: ReadonlySet<string> | null,
    private readonly options: CompileOptions,
  ) {
    this.id = id
    this.idBytes = Uint8Array.from(Buffer.from(id, 'latin1'))
    this.families = families
    this.series = families[families.length - 1]?.to ?? 0
    this.#legacy = legacy && labelNames !== null && [...labelNames].every(isLegacyLabelName)
    this.#labelNames = labelNames
    this.#plain = plain
    this.#compressed = Buffer.from(compressed)
    this.#bytes = bytes + plain.bytes + this.#compressed.length
  }

  /** The text without further labels, in which names are not escaped. */
  get plain(): LayoutText {
    return this.#plain
  }

  /**
   * The text for these parameters, unless it has to be rendered by `text`.
   *
   * @param taken names of the target's labels, in a view that exposes them with each series
   */
  cachedText(escaping: Escaping, taken: ReadonlySet<string> = NONE): LayoutText | undefined {
    const variant = this.#variant(escaping, taken)
    return variant === '' ? this.#plain : this.#variants.get(variant)
  }

  /** As `cachedText`, rendered if necessary. */
  *text(escaping: Escaping, taken: ReadonlySet<string> = NONE): Steps<LayoutText> {
    const cached = this.cachedText(escaping, taken)
    return cached ?? (yield* this.#makeVariant(this.#variant(escaping, taken), escaping, taken))
  }

  #variant(escaping: Escaping, taken: ReadonlySet<string>): string {
    let variant = this.#legacy || escaping === 'allow-utf-8' ? '' : 'escaped'
    const names = this.#labelNames
    for (const name of taken) if (names === null || names.has(name)) variant += `\0${name}`
    return variant
  }

  /** Bytes of all texts and families. */
  get bytes(): number {
    return this.#bytes
  }

  *#makeVariant(
    variant: string,
    escaping: Escaping,
    taken: ReadonlySet<string>,
  ): Steps<LayoutText> {
    const { limits } = this.options
    const bytes = yield* inflateLayoutSteps(this.id, this.#compressed, limits)
    const text = yield* layoutTextSteps(yield* decodeLayoutSteps(bytes, limits), escaping, taken)
    // Another response may have rendered it in between.
    const known = this.#variants.get(variant)
    if (known) return known
    let grown = text.bytes
    if (this.#variants.size >= MAX_VARIANTS) {
      const [[oldest, { bytes }]] = this.#variants
      this.#variants.delete(oldest)
      grown -= bytes
    }
    this.#variants.set(variant, text)
    this.#bytes += grown
    this.options.onGrown(this, grown)
    return text
  }
}
