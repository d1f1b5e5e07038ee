import { quote } from '../../base/quote.js'
import type { MetricType, SampleSuffix } from '../model.js'
import type { Cursor } from './cursor.js'
import type { Families, FamilyDraft, FamilyTable, Metadata, SampleLine } from './families.js'
import type { HashedLabel } from './hashed-label.js'
import type { MetricName } from './names.js'
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

/**
 * Families as `expfmt` groups them: a family may be interleaved with others, TYPE precedes its
 * samples, HELP and TYPE occur once. A histogram or summary has sums, counts, and samples with `le`
 * or `quantile`; `h{le="1"}` is a bucket, too.
 */
export class PushFamilies implements Families {
  /** By the text of `le` or `quantile`. */
  readonly #numbers = new Map<string, number>()

  constructor(
    private readonly cursor: Cursor,
    private readonly table: FamilyTable,
  ) {}

  describe(kind: Metadata, name: MetricName, text: string): void {
    if (name.text === '') this.cursor.refuse('name', 'a metric name is empty; give it a name')
    const { family } = this.#find(name)
    // A line without text is no metadata, but the family exists from here on.
    if (text === '') return
    const already = kind === 'HELP' ? family.helped : family.typed
    if (already)
      this.cursor.refuse(
        'duplicate',
        kind === 'HELP'
          ? `a second HELP line for ${quote(family.name)}; write one`
          : `a second TYPE line for ${quote(family.name)}, or one after its samples; write one before them`,
      )
    if (kind === 'HELP') {
      family.helped = true
      family.help = text
      return
    }
    family.typed = true
    const type = TYPES.get(text.replaceAll('\\', '').toUpperCase())
    if (!type)
      this.cursor.refuse(
        'metadata',
        `${quote(text)} is not a metric type; write counter, gauge, histogram, summary or untyped`,
      )
    family.type = type
  }

  place(sample: SampleLine): string | undefined {
    const { name } = sample
    if (!name.owner) {
      const { family, suffix } = this.#find(name)
      name.owner = family
      name.suffix = suffix
      family.typed = true
    }
    sample.suffix = name.suffix
    const { type } = name.owner
    if (type === 'summary') return this.#placeComposed(sample, 'quantile', '')
    if (type !== 'histogram' && type !== 'gaugehistogram') return undefined
    const reason = this.#placeComposed(sample, 'le', '_bucket')
    if (sample.value < 0 && sample.suffix !== '_sum' && reason === undefined)
      this.cursor.refuse(
        'value',
        'a bucket or count of a histogram is negative; write what was counted',
      )
    return reason
  }

  finish(): readonly FamilyDraft[] {
    const used = this.table.drafts.filter(({ series }) => series.length > 0)
    for (const [index, family] of used.entries()) family.index = index
    return used
  }

  /** @param suffix of the samples with a number label */
  #placeComposed(
    sample: SampleLine,
    number: 'le' | 'quantile',
    suffix: SampleSuffix,
  ): string | undefined {
    const own = sample.labels.find(({ label }) => label.name === number)
    const value = own && this.#numberOf(own)
    if (sample.suffix === '_sum' || sample.suffix === '_count') {
      if (own) sample.labels = sample.labels.filter(label => label !== own)
      return undefined
    }
    sample.suffix = suffix
    return value === undefined || Number.isNaN(value) ? `no_${number}` : undefined
  }

  #numberOf({ label: { name, value } }: HashedLabel): number {
    let number = this.#numbers.get(value)
    if (number === undefined) {
      number =
        numberOfText(value) ??
        this.cursor.refuse('label', `label ${name} is ${quote(value)}; write a number`)
      this.#numbers.set(value, number)
    }
    return number
  }

  #find(name: MetricName): { family: FamilyDraft; suffix: SampleSuffix } {
    if (name.declared) return { family: name.declared, suffix: '' }
    const suffix = suffixOf(name.text)
    const base = suffix === '' ? undefined : this.table.get(withoutSuffix(name.text, suffix))
    if (base && SUFFIXES[base.type]?.includes(suffix)) return { family: base, suffix }
    return { family: this.table.add(name), suffix: '' }
  }
}
