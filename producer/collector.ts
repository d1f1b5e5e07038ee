import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import type { Collector, Reading } from '../shared/publish/snapshot-loop.js'
import { isOwnMetric } from './own-metrics.js'
import { Sampler } from './sampler.js'
import { type MetricSource, Sources } from './source.js'
import type { SourceReading } from './source-values.js'

export interface CollectorEvents {
  /** Called when some sources or metrics failed. The others are published. */
  incomplete(error: Error): void
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
  readonly #sampler = new Sampler()
  #hasOmitted = false

  /** @param extraMetrics returns metrics to publish in addition to those of the sources */
  constructor(
    source: MetricSource,
    private readonly extraMetrics: () => Promise<readonly MetricJson[]>,
    private readonly events: CollectorEvents,
  ) {
    this.#sources = new Sources(source)
  }

  async collect(timeoutMs: number): Promise<Reading> {
    const [{ readings, errors, omitted }, extra] = await Promise.all([
      this.#sources.collect(timeoutMs),
      this.extraMetrics(),
    ])
    if (errors.length > 0) {
      if (!readings.some(hasSeries)) throw summaryOf(errors)
      this.events.incomplete(errors[0])
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

function summaryOf([first, ...more]: readonly Error[]): Error {
  return more.length === 0 ? first : new Error(`${first.message} (and ${more.length} more errors)`)
}
