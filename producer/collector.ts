import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import type { Collector, Reading } from '../shared/publish/snapshot-loop.js'
import type { SourceReading } from './given.js'
import { isOwnMetric } from './own-metrics.js'
import { Sampler } from './sampler.js'
import { type MetricSource, Sources } from './source.js'

export interface CollectorEvents {
  /** Some sources or metrics failed; the others are published. */
  incomplete(error: Error): void
  /**
   * What is left out may have changed.
   *
   * @param dropped metrics of which something is left out, and why
   * @param omitted series of expositions that are left out, by reason
   */
  leftOut(dropped: ReadonlyMap<string, string>, omitted: ReadonlyMap<string, number>): void
}

/** Collects an app's registries and functions. It fails when they give errors and nothing else. */
export class SourceCollector implements Collector {
  readonly #sources: Sources
  readonly #sampler = new Sampler()
  #hasOmitted = false

  /** @param beside metrics that are published with those of the sources */
  constructor(
    source: MetricSource,
    private readonly beside: () => Promise<readonly MetricJson[]>,
    private readonly events: CollectorEvents,
  ) {
    this.#sources = new Sources(source)
  }

  async collect(timeoutMs: number): Promise<Reading> {
    const [{ readings, errors, omitted }, beside] = await Promise.all([
      this.#sources.collect(timeoutMs),
      this.beside(),
    ])
    if (errors.length > 0) {
      if (!readings.some(hasContent)) throw failureOf(errors)
      this.events.incomplete(errors[0])
    }
    const reading = this.#sampler.read(beside.length > 0 ? [...readings, { metrics: beside }] : readings)
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

/** The publisher's own metrics, which cannot fail, are not what an app publishes for. */
const hasContent = (reading: SourceReading): boolean =>
  'metrics' in reading
    ? reading.metrics.some(({ name, values }) => !isOwnMetric(name) && (values?.length ?? 0) > 0)
    : reading.values.length > 0

function failureOf([first, ...more]: readonly Error[]): Error {
  return more.length === 0 ? first : new Error(`${first.message} (and ${more.length} more errors)`)
}
