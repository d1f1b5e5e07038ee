import { quote } from '../../base/quote.js'
import type { Cursor } from './cursor.js'
import type { FamilyDraft, SampleLine } from './families.js'
import type { HashedLabel } from './hashed-label.js'
import { numberOfText } from './numbers.js'
import { OpenMetricsHistogram } from './openmetrics-histogram.js'

const COUNTS: ReadonlySet<string> = new Set(['_total', '_sum', '_count', '_bucket', '_gcount'])

/**
 * Checks of OpenMetrics 1.0 on the samples of one family: labels, values, and that metrics are not
 * interleaved.
 */
export class OpenMetricsSamples {
  /** The label that tells the samples of one metric apart. */
  readonly #own: string | undefined
  readonly #histogram: OpenMetricsHistogram | undefined
  readonly #groups = new Set<string>()
  #group: string | undefined
  #timestamp = Number.NaN

  constructor(
    private readonly cursor: Cursor,
    private readonly family: FamilyDraft,
  ) {
    const { type } = family
    const isHistogram = type === 'histogram' || type === 'gaugehistogram'
    if (isHistogram) this.#histogram = new OpenMetricsHistogram(cursor, family.name)
    this.#own = isHistogram
      ? 'le'
      : type === 'summary'
        ? 'quantile'
        : type === 'stateset'
          ? family.name
          : undefined
  }

  check(sample: SampleLine): void {
    const own = sample.labels.find(({ label }) => label.name === this.#own)
    const number = this.#checkLabels(sample, own)
    this.#checkValue(sample)
    this.#checkExemplar(sample)
    const group = this.#groupOf(sample, own)
    const begins = group !== this.#group
    if (begins) {
      if (this.#groups.has(group))
        this.cursor.refuse(
          'order',
          'the samples of this metric are interleaved with others; write all of them in one place',
        )
      this.#groups.add(group)
    } else this.#checkTimestamp(sample.timestamp)
    this.#histogram?.check(sample, number, begins || !Object.is(sample.timestamp, this.#timestamp))
    this.#group = group
    this.#timestamp = sample.timestamp
  }

  finish(): void {
    this.#histogram?.finish()
  }

  /** @returns the number of `le` or `quantile` where one is required */
  #checkLabels({ suffix }: SampleLine, own: HashedLabel | undefined): number {
    const { type, name } = this.family
    if (type === 'stateset' && !own)
      this.cursor.refuse(
        'label',
        `a state set needs the label ${quote(name)} with the state; add it`,
      )
    const bucket = suffix === '_bucket'
    if (!bucket && !(type === 'summary' && suffix === '')) return Number.NaN
    const text = own?.label.value ?? ''
    const number = numberOfText(text)
    if (number === undefined || Number.isNaN(number))
      this.cursor.refuse('label', `label ${this.#own} is ${quote(text)}; write a number`)
    if (number === Infinity && text !== '+Inf')
      this.cursor.refuse('label', `label ${this.#own} is ${quote(text)}; write +Inf`)
    if (!bucket && !(number >= 0 && number <= 1))
      this.cursor.refuse('label', `a quantile is ${text}; quantiles are between 0 and 1`)
    return number
  }

  #checkValue({ suffix, value }: SampleLine): void {
    const { type } = this.family
    const refuse = (problem: string) => this.cursor.refuse('value', problem)
    if (type === 'stateset' && value !== 0 && value !== 1)
      refuse('the value of a state must be 0 or 1')
    if (type === 'info' && value !== 1) refuse('the value of an info metric must be 1')
    if (type === 'summary' && suffix === '' && value < 0)
      refuse('the value of a quantile cannot be negative')
    if ((COUNTS.has(suffix) || suffix === '_gsum') && Number.isNaN(value))
      refuse(`a ${suffix} cannot be NaN`)
    if (COUNTS.has(suffix) && value < 0) refuse(`a ${suffix} cannot be negative`)
    const counts = suffix === '_bucket' || suffix === '_count' || suffix === '_gcount'
    if (counts && !Number.isInteger(value)) refuse(`a ${suffix} must be an integer`)
  }

  #checkExemplar({ suffix, hasExemplar }: SampleLine): void {
    if (hasExemplar && suffix !== '_bucket' && suffix !== '_total')
      this.cursor.refuse(
        'exemplar',
        'only buckets and the totals of counters have exemplars; remove this one',
      )
  }

  #checkTimestamp(timestamp: number): void {
    if (Number.isNaN(timestamp) !== Number.isNaN(this.#timestamp))
      this.cursor.refuse(
        'timestamp',
        'some samples of this metric have timestamps and some have none; write all or none',
      )
    if (timestamp < this.#timestamp && this.family.type !== 'info')
      this.cursor.refuse(
        'timestamp',
        'the timestamp is older than that of the sample before; write the oldest first',
      )
  }

  /**
   * All info samples of a family count as one metric: its own labels cannot be told from the
   * others.
   */
  #groupOf({ labels, suffix }: SampleLine, own: HashedLabel | undefined): string {
    if (this.family.type === 'info') return ''
    const apart = suffix === '' || suffix === '_bucket' ? own : undefined
    let key = ''
    for (const label of labels) {
      const { name, value } = label.label
      if (label !== apart) key += `${name.length} ${name}${value.length} ${value}`
    }
    return key
  }
}
