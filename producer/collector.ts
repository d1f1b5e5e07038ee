import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import type { Collector, Reading } from '../shared/publish/snapshot-loop.js'
import type { LayoutCompression } from '../shared/snapshot/layout-compression.js'
import { isOwnMetric } from './own-metrics.js'
import { Sampler } from './sampler.js'
import { type MetricSource, Sources } from './source.js'
import type { SourceError } from './source-error.js'
import type { SourceReading } from './source-values.js'

export interface CollectorEvents {
  /**
   * Called when sources or metrics failed, with at least one error.
   *
   * @param isWhole whether nothing is left to publish: the collection fails too
   */
  sourcesFailed(errors: readonly SourceError[], isWhole: boolean): void
  /**
   * Called when the set of series that are left out may have changed.
   *
   * @param dropped metrics that are dropped in whole or in part, with the reason
   * @param omitted number of series of expositions that are left out, by reason
   */
  leftOut(dropped: ReadonlyMap<string, string>, omitted: ReadonlyMap<string, number>): void
}

/** Collects the sources of an application. Fails if they yield errors and no series. */
export class SourceCollector implements Collector {
  readonly #sources: Sources
  readonly #sampler: Sampler
  #hasOmitted = false

  /** @param extraMetrics returns metrics to publish in addition to those of the sources */
  constructor(
    source: MetricSource,
    private readonly extraMetrics: () => Promise<readonly MetricJson[]>,
    private readonly events: CollectorEvents,
    compression?: LayoutCompression,
  ) {
    this.#sampler = new Sampler(compression)
    this.#sources = new Sources(source)
  }

  /** Names of the sources, unique. */
  get sourceNames(): readonly string[] {
    return this.#sources.names
  }

  async collect(timeoutMs: number): Promise<Reading> {
    const [{ readings, errors, omitted }, extra] = await Promise.all([
      this.#sources.collect(timeoutMs),
      this.extraMetrics(),
    ])
    if (errors.length > 0) {
      const isWhole = !readings.some(hasSeries)
      this.events.sourcesFailed(errors, isWhole)
      if (isWhole) throw summaryOf(errors)
    }
    const reading = this.#sampler.read(
      extra.length > 0 ? [...readings, { metrics: extra }] : readings,
    )
    return {
      sample: async () => {
        const { layouts } = this.#sampler
        try {
          return await reading.sample()
        } finally {
          if (this.#sampler.layouts !== layouts || omitted.size > 0 || this.#hasOmitted)
            this.events.leftOut(this.#sampler.dropped, omitted)
          this.#hasOmitted = omitted.size > 0
        }
      },
    }
  }
}

/** Whether a reading has series. The publisher's own metrics do not count: they cannot fail. */
const hasSeries = (reading: SourceReading): boolean =>
  'metrics' in reading
    ? reading.metrics.some(({ name, values }) => !isOwnMetric(name) && (values?.length ?? 0) > 0)
    : reading.values.length > 0

function summaryOf([{ message }, ...more]: readonly SourceError[]): Error {
  const others = more.length === 1 ? '1 more error' : `${more.length} more errors`
  return new Error(more.length === 0 ? message : `${message} (and ${others})`)
}
