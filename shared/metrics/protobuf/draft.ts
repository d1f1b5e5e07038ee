import type { ExemplarDraft } from './exemplar.js'
import type { WireReader } from './wire.js'

/** The fields of Metric that hold its value, by number. */
export const GAUGE = 2
export const COUNTER = 3
export const SUMMARY = 4
export const UNTYPED = 5
export const HISTOGRAM = 7

/** One Metric message, decoded. One object serves for all of a body. */
export class MetricDraft {
  /** Where the content of each label's message begins and ends, in turns. */
  readonly labels: number[] = []
  /** Bit mask of the fields above that are there. */
  kinds = 0
  /** Unix milliseconds, or NaN. */
  timestamp = Number.NaN
  /** Of a counter, gauge or untyped metric. */
  value = 0
  exemplar: ExemplarDraft | null = null
  /** Of a summary or histogram. */
  sum = 0
  count = 0
  /** Upper bounds of buckets, or quantiles, and the count or value of each. */
  readonly bounds: number[] = []
  readonly values: number[] = []
  /** Of the buckets. */
  readonly exemplars: (ExemplarDraft | null)[] = []
  /** Whether it is a native histogram, beside its buckets or instead of them. */
  native = false
  /** Exemplars that were too long to be read. */
  longExemplars = 0

  constructor(
    private readonly wire: WireReader,
    /** Buckets or quantiles that it may have. */
    private readonly maxBounds: number,
  ) {}

  addBound(bound: number, value: number): void {
    if (this.bounds.push(bound) > this.maxBounds)
      this.wire.refuse('limit', `a metric has more than ${this.maxBounds} buckets or quantiles; use fewer`)
    this.values.push(value)
  }

  reset(): void {
    this.labels.length = 0
    this.kinds = 0
    this.timestamp = Number.NaN
    this.value = 0
    this.exemplar = null
    this.sum = 0
    this.count = 0
    this.bounds.length = 0
    this.values.length = 0
    this.exemplars.length = 0
    this.native = false
    this.longExemplars = 0
  }
}
