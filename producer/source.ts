/** A metric as prom-client's `getMetricsAsJSON` gives it (versions 14 and 15). */
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
  /** With the suffix `_bucket`, `_sum` or `_count`, for the series of histograms and summaries. */
  readonly metricName?: string
  readonly exemplar?: ExemplarJson | null
}

export interface ExemplarJson {
  readonly labelSet?: Readonly<Record<string, unknown>>
  readonly value?: number
  /** Unix seconds. */
  readonly timestamp?: number
}

/** The part of prom-client's Registry that is used. An app's own copy of the library brings it. */
export interface RegistryLike {
  getMetricsAsJSON(): Promise<unknown> | unknown
  getMetricsAsArray?(): unknown
  getSingleMetric?(name: string): unknown
  registerMetric?(metric: never): void
}

export type CollectFunction = () => Promise<readonly MetricJson[]> | readonly MetricJson[]

export type MetricSource = RegistryLike | CollectFunction | readonly (RegistryLike | CollectFunction)[]

export interface Collected {
  readonly metrics: readonly MetricJson[]
  /** Metrics that could not be collected. */
  readonly errors: readonly Error[]
}

/**
 * Everything that the sources have now. A metric whose `collect` throws costs itself, not the others: prom-client's own
 * rendering would fail as a whole.
 */
export async function collect(source: MetricSource): Promise<Collected> {
  const metrics: MetricJson[] = []
  const errors: Error[] = []
  for (const one of Array.isArray(source) ? source : [source]) {
    try {
      metrics.push(...(await (typeof one === 'function' ? one() : one.getMetricsAsJSON())))
    } catch (error) {
      const survivors = typeof one === 'function' ? [] : await collectOneByOne(one)
      metrics.push(...survivors)
      errors.push(error as Error)
    }
  }
  return { metrics, errors }
}

interface MetricLike {
  get(): Promise<MetricJson> | MetricJson
}

async function collectOneByOne(registry: RegistryLike): Promise<MetricJson[]> {
  const defaults = (registry as { _defaultLabels?: Record<string, unknown> })._defaultLabels ?? {}
  const metrics: MetricJson[] = []
  for (const metric of (registry.getMetricsAsArray?.() ?? []) as MetricLike[]) {
    try {
      const json = await metric.get()
      const values = json.values?.map(value => ({ ...value, labels: { ...defaults, ...value.labels } }))
      metrics.push({ ...json, values })
    } catch {
      // Counted by whoever asked: the first error speaks for all.
    }
  }
  return metrics
}
