import type { MetricJson } from '../shared/metrics/prom-client/metric-json.js'
import { ClusterSource } from './cluster/cluster-source.js'
import { FunctionSource } from './function-source.js'
import { RegistrySource } from './registry-source.js'
import type { SourceError } from './source-error.js'
import type { SourceReading } from './source-values.js'

/** The methods of prom-client's Registry that the publisher uses. */
export interface RegistryLike {
  getMetricsAsJSON(): Promise<unknown> | unknown
  getMetricsAsArray?(): unknown
  readonly contentType?: string
  getSingleMetric?(name: string): unknown
  registerMetric?(metric: never): void
}

/** Metrics as from `getMetricsAsJSON`, or the text of an exposition. */
export type MetricsOrText = readonly MetricJson[] | string

/**
 * Returns metrics as prom-client's `getMetricsAsJSON` does, or the text of an exposition, for
 * example from prom-client's `clusterMetrics`.
 */
export type CollectFunction = () => Promise<MetricsOrText> | MetricsOrText

type AnySource = RegistryLike | CollectFunction | ClusterSource

export type MetricSource = AnySource | readonly AnySource[]

/** What one source, or all of them, gave in one collection. */
export interface Collected {
  /** Readings of the sources that did not fail, in the order of the sources. */
  readonly readings: readonly SourceReading[]
  /** Errors of sources and of single metrics. */
  readonly errors: readonly SourceError[]
  /** Number of series of expositions that are left out, by reason. Default: none. */
  readonly omitted?: ReadonlyMap<string, number>
}

/** A source whose answer is bounded in time. */
export interface Source {
  /** Unique in a publisher; a label value of its metrics. */
  readonly name: string
  /** Never rejects, and resolves within the timeout: what failed is in `errors`. */
  collect(timeoutMs: number): Promise<Collected>
}

export const failed = (error: SourceError): Collected => ({ readings: [], errors: [error] })

/**
 * The metric sources of a publisher. A source that fails is left out, and so is a metric of a
 * registry. prom-client's own rendering would fail as a whole.
 */
export class Sources {
  readonly #sources: readonly Source[]

  constructor(source: MetricSource) {
    const sources = (Array.isArray(source) ? source : [source]) as readonly AnySource[]
    const names = namesOf(sources)
    this.#sources = sources.map((source, i) => {
      if (source instanceof ClusterSource) return source
      return typeof source === 'function'
        ? new FunctionSource(names[i], source)
        : new RegistrySource(names[i], source)
    })
  }

  get names(): readonly string[] {
    return this.#sources.map(({ name }) => name)
  }

  /** Collects all sources concurrently, as prom-client does its metrics. Never rejects. */
  async collect(timeoutMs: number): Promise<Required<Collected>> {
    const all = await Promise.all(this.#sources.map(source => source.collect(timeoutMs)))
    const omitted = new Map<string, number>()
    for (const collected of all)
      for (const [reason, count] of collected.omitted ?? [])
        omitted.set(reason, (omitted.get(reason) ?? 0) + count)
    return {
      readings: all.flatMap(({ readings }) => readings),
      errors: all.flatMap(({ errors }) => errors),
      omitted,
    }
  }
}

/** `registry 1`, or the name of a function, with a number where two are the same. */
function namesOf(sources: readonly AnySource[]): string[] {
  const used = new Map<string, number>()
  return sources.map(source => {
    const name = nameOf(source)
    const times = (used.get(name) ?? 0) + 1
    used.set(name, times)
    return times === 1 ? name : `${name} ${times}`
  })
}

function nameOf(source: AnySource): string {
  if (source instanceof ClusterSource) return source.name
  return typeof source === 'function' ? source.name || 'function' : 'registry'
}
