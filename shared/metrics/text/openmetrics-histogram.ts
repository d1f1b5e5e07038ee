import { quote } from '../../base/quote.js'
import type { Cursor } from './cursor.js'
import type { SampleLine } from './families.js'

/** Checks of OpenMetrics 1.0 on the buckets, count and sum of one point of a histogram. */
export class OpenMetricsHistogram {
  #open = false
  #line = 0
  #bound: number | undefined
  #value = 0
  #count: number | undefined
  #hasSum = false
  #hasGaugeSum = false
  #negativeBuckets = false
  #negativeGaugeSum = false

  constructor(
    private readonly cursor: Cursor,
    private readonly name: string,
  ) {}

  /** @param begins whether it is the first sample of a point */
  check({ suffix, value }: SampleLine, bound: number, begins: boolean): void {
    if (begins) this.#begin()
    this.#line = this.cursor.line
    if (suffix === '_bucket') {
      if (bound < 0) this.#negativeBuckets = true
      if (this.#bound !== undefined && bound <= this.#bound)
        this.#refuse('its buckets are not sorted by le')
      if (value < this.#value)
        this.#refuse('a bucket is less than the one before; buckets are cumulative')
      this.#bound = bound
      this.#value = value
    } else if (suffix === '_count' || suffix === '_gcount') this.#count = value
    else if (suffix === '_sum') this.#hasSum = true
    else if (suffix === '_gsum') {
      this.#hasGaugeSum = true
      if (value < 0) this.#negativeGaugeSum = true
    }
  }

  finish(): void {
    if (!this.#open) return
    const sum = this.#hasSum || this.#hasGaugeSum
    if (this.#bound !== Infinity) this.#refuse('it has no bucket with le="+Inf"')
    if (this.#count !== undefined && this.#value !== this.#count)
      this.#refuse('its count is not that of the bucket with le="+Inf"')
    if (sum && this.#count === undefined) this.#refuse('it has a sum and no count')
    if (!sum && this.#count !== undefined) this.#refuse('it has a count and no sum')
    if (this.#negativeBuckets && this.#hasSum) this.#refuse('it has a sum and buckets below 0')
    if (!this.#negativeBuckets && this.#negativeGaugeSum)
      this.#refuse('its sum is negative and it has no buckets below 0')
  }

  #begin(): void {
    this.finish()
    this.#open = true
    this.#bound = undefined
    this.#value = 0
    this.#count = undefined
    this.#hasSum = false
    this.#hasGaugeSum = false
    this.#negativeBuckets = false
    this.#negativeGaugeSum = false
  }

  #refuse(problem: string): never {
    this.cursor.line = this.#line
    this.cursor.refuse('value', `histogram ${quote(this.name)}: ${problem}`)
  }
}
