import { quote } from '../../base/quote.js'
import type { MetricType, SampleSuffix } from '../model.js'
import type { Cursor } from './cursor.js'
import { type Families, type FamilyDraft, FamilyTable, type Metadata, type SampleLine } from './families.js'
import type { InternedLabel } from './labels.js'
import { numberOfText } from './numbers.js'
import { suffixOf, withoutSuffix } from './suffixes.js'

/** `expfmt` compares types without case, and drops backslashes. */
const TYPES: ReadonlyMap<string, MetricType> = new Map([
  ['COUNTER', 'counter'],
  ['GAUGE', 'gauge'],
  ['HISTOGRAM', 'histogram'],
  ['SUMMARY', 'summary'],
  ['UNTYPED', 'unknown'],
  ['GAUGEHISTOGRAM', 'gaugehistogram'],
  ['GAUGE_HISTOGRAM', 'gaugehistogram'],
])

/** The suffixes of each type that `expfmt` takes off a name. */
const SUFFIXES: Partial<Record<MetricType, readonly SampleSuffix[]>> = {
  summary: ['_sum', '_count'],
  histogram: ['_sum', '_count', '_bucket'],
  gaugehistogram: ['_sum', '_count', '_bucket'],
}

interface Described {
  helped: boolean
  /** By a TYPE line or by a first sample. */
  typed: boolean
}

/**
 * As `expfmt` groups: a family may come in pieces, TYPE has to stand before its samples, HELP and TYPE once. Of a histogram or summary
 * only sums, counts, and samples with `le` or `quantile` exist; `h{le="1"}` is a bucket too.
 */
export class PushFamilies implements Families {
  readonly #table: FamilyTable
  readonly #described = new Map<FamilyDraft, Described>()
  readonly #numbers = new Map<InternedLabel, number>()

  constructor(
    private readonly cursor: Cursor,
    limit: number,
  ) {
    this.#table = new FamilyTable(cursor, limit)
  }

  describe(kind: Metadata, name: string, text: string): void {
    if (name === '') this.cursor.refuse('name', 'a metric name is empty; give it a name')
    const { family } = this.#find(name)
    const described = this.#describedOf(family)
    // No text is no metadata; the family is known from here on all the same.
    if (text === '') return
    const already = kind === 'HELP' ? described.helped : described.typed
    if (already)
      this.cursor.refuse(
        'duplicate',
        kind === 'HELP'
          ? `a second HELP line for ${quote(family.name)}; write one`
          : `a second TYPE line for ${quote(family.name)}, or one after its samples; write one before them`,
      )
    if (kind === 'HELP') {
      described.helped = true
      family.help = text
      return
    }
    described.typed = true
    const type = TYPES.get(text.replaceAll('\\', '').toUpperCase())
    if (!type) this.cursor.refuse('metadata', `${quote(text)} is no metric type; write counter, gauge, histogram, summary or untyped`)
    family.type = type
  }

  place(sample: SampleLine): string | undefined {
    const { name } = sample
    if (!name.family) {
      const { family, suffix } = this.#find(name.text)
      name.family = family
      name.suffix = suffix
      this.#describedOf(family).typed = true
    }
    sample.suffix = name.suffix
    const { type } = name.family
    if (type === 'summary') return this.#placeComposed(sample, 'quantile', '')
    if (type !== 'histogram' && type !== 'gaugehistogram') return undefined
    const reason = this.#placeComposed(sample, 'le', '_bucket')
    if (sample.value < 0 && sample.suffix !== '_sum' && reason === undefined)
      this.cursor.refuse('value', 'a bucket or count of a histogram is negative; write what was counted')
    return reason
  }

  finish(): readonly FamilyDraft[] {
    const used = this.#table.drafts.filter(({ series }) => series.length > 0)
    for (const [index, family] of used.entries()) family.index = index
    return used
  }

  /** @param suffix of the samples with a number label */
  #placeComposed(sample: SampleLine, number: 'le' | 'quantile', suffix: SampleSuffix): string | undefined {
    const own = sample.labels.find(({ label }) => label.name === number)
    const value = own && this.#numberOf(own)
    if (sample.suffix === '_sum' || sample.suffix === '_count') {
      if (own) sample.labels = sample.labels.filter(label => label !== own)
      return undefined
    }
    sample.suffix = suffix
    return value === undefined || Number.isNaN(value) ? `no_${number}` : undefined
  }

  #numberOf(own: InternedLabel): number {
    let value = this.#numbers.get(own)
    if (value === undefined) {
      const { name, value: text } = own.label
      value =
        numberOfText(text) ??
        this.cursor.refuse('label', `label ${name} is ${quote(text)}; write a number`)
      this.#numbers.set(own, value)
    }
    return value
  }

  #find(name: string): { family: FamilyDraft; suffix: SampleSuffix } {
    const exact = this.#table.get(name)
    if (exact) return { family: exact, suffix: '' }
    const suffix = suffixOf(name)
    const base = suffix === '' ? undefined : this.#table.get(withoutSuffix(name, suffix))
    if (base && SUFFIXES[base.type]?.includes(suffix)) return { family: base, suffix }
    return { family: this.#table.add(name), suffix: '' }
  }

  #describedOf(family: FamilyDraft): Described {
    let described = this.#described.get(family)
    if (!described) {
      described = { helped: false, typed: false }
      this.#described.set(family, described)
    }
    return described
  }
}
