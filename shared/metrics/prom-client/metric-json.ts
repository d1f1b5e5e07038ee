/** A metric as returned by prom-client's `getMetricsAsJSON` (versions 14 and 15). */
export interface MetricJson {
  readonly name: string
  readonly help: string
  /** 'counter', 'gauge', 'histogram', 'summary'; version 14 may give a number. */
  readonly type: unknown
  readonly values?: readonly ValueJson[]
}

export interface ValueJson {
  readonly value: number
  readonly labels?: Readonly<Record<string, unknown>>
  /** Name with the suffix `_bucket`, `_sum` or `_count`, for series of histograms and summaries. */
  readonly metricName?: string
  readonly exemplar?: ExemplarJson | null
}

export interface ExemplarJson {
  readonly labelSet?: Readonly<Record<string, unknown>>
  readonly value?: number
  /** Unix seconds. */
  readonly timestamp?: number
}
