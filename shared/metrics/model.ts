/**
 * The neutral metric model: what every input format is read into, and what is published, rendered and stored from. It follows
 * the data models of the Prometheus text format and OpenMetrics 1.0; names are as the input spells them.
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

/** What a sample's name adds to its family's name. */
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
  /** Sorted by name, without `__name__`. `le` and `quantile` are ordinary labels, spelled as in the input. */
  readonly labels: readonly Label[]
}

/** A metric family without its values. */
export interface Family {
  /** As the input spells it: a counter of the text format includes `_total`, one of OpenMetrics does not. */
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
 * One page or message as it was read: the families, and a column of values in the order of their series.
 *
 * A reader returns the same `families` object as for the page before as long as nothing but values, timestamps and exemplars has
 * changed. Callers keep what they derived from it by identity.
 */
export interface Exposition {
  readonly families: readonly Family[]
  readonly values: Float64Array
  /** Unix milliseconds, NaN for a series without one; null when no series has any. */
  readonly timestamps: Float64Array | null
  readonly exemplars: readonly Exemplar[] | null
  /** What the input contains and the model does not, by reason: number of series. For example `native_histogram`. */
  readonly omitted: ReadonlyMap<string, number>
}
