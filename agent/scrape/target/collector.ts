import { nextTurn } from '../../../shared/base/scheduling.js'
import { runInSlices } from '../../../shared/base/steps.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import type { Exposition, Family } from '../../../shared/metrics/model.js'
import { ExpositionSampler } from '../../../shared/publish/exposition-sampler.js'
import type { Sample } from '../../../shared/publish/sample.js'
import type { Collector, Reading } from '../../../shared/publish/snapshot-loop.js'
import type { ScrapeJob } from '../config/job.js'
import type { ScrapeTarget } from './address.js'
import type { ScrapeMemory } from './memory.js'
import { PageReader } from './page-reader.js'
import { publishInterval } from './publish-interval.js'
import type { Page, Scraper } from './scraper.js'
import { planSeries, type SeriesPlan } from './series-plan.js'

/** What was found in the last successful scrape. */
export interface ScrapeFigures {
  /** Series of the page. */
  readonly scraped: number
  /** Series after metric relabelling. */
  readonly kept: number
  /** Series that differ from labels of their target. */
  readonly overriding: number
  /** Series that a record cannot have. */
  readonly dropped: number
}

/** Series of a target in Kafka, and so of one that is sent directly. */
const MAX_SERIES = DEFAULT_LIMITS.samples

const NOTHING: ScrapeFigures = { scraped: 0, kept: 0, overriding: 0, dropped: 0 }

const EMPTY: Exposition = {
  families: [],
  values: new Float64Array(0),
  timestamps: null,
  exemplars: null,
  omitted: new Map(),
}

/** Scrapes one target, and makes samples of its pages. */
export class TargetCollector implements Collector {
  readonly #reader = new PageReader()
  readonly #sampler = new ExpositionSampler()
  readonly #leaving = new AbortController()
  #planned: { readonly families: readonly Family[]; readonly plan: SeriesPlan } | undefined
  #figures = NOTHING
  /** The last scrape of a long interval, which is published again until the next one is due. */
  #last: Promise<Reading> | undefined
  #repeats = 0

  /** @param refusal why all scrapes of the job fail now, or undefined */
  constructor(
    private readonly target: ScrapeTarget,
    private readonly job: ScrapeJob,
    private readonly scraper: Scraper,
    private readonly memory: ScrapeMemory,
    private readonly refusal: () => string | undefined = () => undefined,
  ) {}

  get figures(): ScrapeFigures {
    return this.#figures
  }

  /** Metric families of which something is left out, with the reason. */
  get dropped(): ReadonlyMap<string, string> {
    return this.#sampler.dropped
  }

  /** The target has left: the final snapshot of its run has no series, and scrapes nothing. */
  leave(): void {
    this.#leaving.abort()
    this.memory.retain(this, 0)
  }

  async collect(timeoutMs: number): Promise<Reading> {
    const { signal } = this.#leaving
    try {
      if (!signal.aborted) return await this.#collect(timeoutMs, signal)
    } catch (error) {
      // A scrape that was cancelled because the target left is no failure of the target.
      if (!signal.aborted) throw error
    }
    return { sample: () => this.#sampler.sample(EMPTY) }
  }

  #collect(timeoutMs: number, signal: AbortSignal): Promise<Reading> {
    const { perScrape } = publishInterval(this.target.intervalMs)
    if (perScrape === 1) return this.#scrape(timeoutMs, signal)
    if (!this.#last || this.#repeats >= perScrape) {
      this.#last = this.#scrape(timeoutMs, signal)
      this.#repeats = 0
    }
    this.#repeats++
    return this.#last
  }

  async #scrape(timeoutMs: number, signal: AbortSignal): Promise<Reading> {
    const refusal = this.refusal()
    if (refusal !== undefined) throw new Error(refusal)
    const limit = Math.min(this.target.timeoutMs, timeoutMs)
    // Of many targets that are due, or have answered, in one turn, some wait for the next ones.
    await nextTurn()
    const memory = this.memory.begin()
    try {
      const page = await this.scraper.scrape(limit, signal, bytes => memory.reserve(bytes))
      await nextTurn()
      const exposition = await this.#read(page)
      return { sample: () => this.#sample(exposition) }
    } finally {
      memory.release()
    }
  }

  async #read({ body, format }: Page): Promise<Exposition> {
    const exposition = await this.#reader.read(body, format)
    if (!this.memory.retain(this, this.#reader.retainedBytes)) {
      this.#reader.reset()
      this.#planned = undefined
      this.memory.retain(this, 0)
      throw new Error(
        'the pages of all targets exceed the memory of this agent: raise --limit.retained-bytes, or run several agents',
      )
    }
    return exposition
  }

  async #sample(exposition: Exposition): Promise<Sample> {
    const plan = await this.#planOf(exposition.families)
    if (plan.failure !== undefined) throw new Error(plan.failure)
    // Publishing some of them would look as if the others had left.
    if (plan.series > MAX_SERIES)
      throw new Error(
        `sample limit exceeded: ${plan.series} series after metric relabelling, and a target can have ${MAX_SERIES}`,
      )
    const sample = await this.#sampler.sample(planned(exposition, plan, this.job.honorTimestamps))
    const dropped = [...this.#sampler.droppedSeries.values()].reduce((sum, n) => sum + n, 0)
    this.#figures = {
      scraped: exposition.values.length,
      kept: plan.series,
      overriding: plan.overriding,
      dropped: dropped + [...exposition.omitted.values()].reduce((sum, n) => sum + n, 0),
    }
    return sample
  }

  /** Families are the same object while only values change. */
  async #planOf(families: readonly Family[]): Promise<SeriesPlan> {
    if (this.#planned?.families === families) return this.#planned.plan
    const plan = await runInSlices(planSeries(families, this.target.labels, this.job))
    this.#planned = { families, plan }
    return plan
  }
}

/** The series of the plan with the values of a page. */
function planned(page: Exposition, plan: SeriesPlan, honorTimestamps: boolean): Exposition {
  const timestamps = honorTimestamps ? page.timestamps : null
  const { families, sources } = plan
  if (!sources) return { ...page, families, timestamps }
  const positions = new Map<number, number>()
  if (page.exemplars) for (const [i, source] of sources.entries()) positions.set(source, i)
  return {
    ...page,
    families,
    values: gather(page.values, sources),
    timestamps: timestamps && gather(timestamps, sources),
    exemplars:
      page.exemplars?.flatMap(exemplar => {
        const series = positions.get(exemplar.series)
        return series === undefined ? [] : [{ ...exemplar, series }]
      }) ?? null,
  }
}

function gather(values: Float64Array, sources: Int32Array): Float64Array {
  const gathered = new Float64Array(sources.length)
  for (let i = 0; i < sources.length; i++) gathered[i] = values[sources[i]]
  return gathered
}
