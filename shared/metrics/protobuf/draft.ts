import type { ExemplarDraft } from './exemplar.js'
import type { WireReader } from './wire.js'

/** Numbers of the fields of Metric that hold a value. */
export const GAUGE = 2
export const COUNTER = 3
export const SUMMARY = 4
export const UNTYPED = 5
export const HISTOGRAM = 7

/** One decoded Metric message. The object is reused for all metrics of a body. */
export class MetricDraft {
  /** Start and end offset of each label message, alternating. */
  readonly labels: number[] = []
  /** Bit mask of the value fields that are present. */
  kinds = 0
  /** Unix milliseconds, or NaN. */
  timestamp = Number.NaN
  /** Value of a counter, gauge or untyped metric. */
  value = 0
  exemplar: ExemplarDraft | null = null
  /** Sum and count of a summary or histogram. */
  sum = 0
  count = 0
  /** Upper bounds of buckets, or quantiles, and the count or value of each. */
  readonly bounds: number[] = []
  readonly values: number[] = []
  /** One for each bucket. */
  readonly exemplars: (ExemplarDraft | null)[] = []
  /** Whether it is a native histogram, with or without classic buckets. */
  native = false
  /** Number of exemplars that were skipped because of their length. */
  longExemplars = 0

  constructor(
    private readonly wire: WireReader,
    /** Maximum number of buckets or quantiles. */
    private readonly maxBounds: number,
  ) {}

  addBound(bound: number, value: number): void {
    if (this.bounds.push(bound) > this.maxBounds)
      this.wire.refuse(
        'limit',
        `a metric has more than ${this.maxBounds} buckets or quantiles; use fewer`,
      )
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
