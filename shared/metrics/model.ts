/**
 * The neutral metric model. All input formats are read into it. It follows the data models of the
 * Prometheus text format and OpenMetrics 1.0. Names are spelled as in the input.
 */

/** One label. Lists of labels are sorted by the UTF-8 bytes of their names. */
export interface Label {
  readonly name: string
  readonly value: string
}

/** Metric types of OpenMetrics 1.0. Text `untyped` is `unknown`. */
export const METRIC_TYPES = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'summary',
  'gaugehistogram',
  'info',
  'stateset',
] as const
export type MetricType = (typeof METRIC_TYPES)[number]

/** Suffixes that a sample name can add to the name of its family. */
export const SAMPLE_SUFFIXES = [
  '',
  '_total',
  '_bucket',
  '_sum',
  '_count',
  '_created',
  '_gcount',
  '_gsum',
  '_info',
] as const
export type SampleSuffix = (typeof SAMPLE_SUFFIXES)[number]

/** Identity of one series within its family. */
export interface Series {
  readonly suffix: SampleSuffix
  /**
   * Sorted by name, without `__name__`. `le` and `quantile` are ordinary labels, spelled as in the
   * input.
   */
  readonly labels: readonly Label[]
}

/** A metric family without its values. */
export interface Family {
  /**
   * Spelled as in the input: with `_total` for counters of the text format, without in OpenMetrics.
   */
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly unit: string
  readonly series: readonly Series[]
}

export interface Exemplar {
  /** Index of its series, counted over all families in order. */
  readonly series: number
  readonly labels: readonly Label[]
  readonly value: number
  /** Unix time in milliseconds, or null. */
  readonly timestamp: number | null
}

/**
 * The content of one text page or protobuf body: the families, and values in the order of their
 * series.
 *
 * A reader returns the same `families` object as before while only values, timestamps and exemplars
 * change. Callers compare it by identity to reuse what they derived from it.
 */
export interface Exposition {
  readonly families: readonly Family[]
  readonly values: Float64Array
  /** Unix milliseconds, or NaN for a series without a timestamp. Null if no series has one. */
  readonly timestamps: Float64Array | null
  readonly exemplars: readonly Exemplar[] | null
  /** Number of series of the input that are left out, by reason, such as `native_histogram`. */
  readonly omitted: ReadonlyMap<string, number>
}
