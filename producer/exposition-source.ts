import { quote } from '../shared/base/quote.js'
import { runInSlices, type Steps } from '../shared/base/steps.js'
import { DEFAULT_LIMITS, type Limits } from '../shared/metrics/limits.js'
import type { Exemplar, Exposition, Family } from '../shared/metrics/model.js'
import type { ExemplarJson, MetricJson, ValueJson } from '../shared/metrics/prom-client/metric-json.js'
import { TextReader } from '../shared/metrics/text/reader.js'

/**
 * Wider than what a snapshot may have: what is beyond that is left out by itself, as of a registry. These bound what a source that
 * goes mad can cost.
 */
const LIMITS: Limits = {
  samples: 20 * DEFAULT_LIMITS.samples,
  labels: 20 * DEFAULT_LIMITS.labels,
  nameBytes: 64 * 1024,
  valueBytes: 1024 * 1024,
  bytes: 256 * 1024 * 1024,
  parts: 1,
}

export interface ReadExposition {
  readonly metrics: readonly MetricJson[]
  /** What it has beside them, by reason. */
  readonly omitted: ReadonlyMap<string, number>
}

/** Types of which prom-client has the same, with the same suffixes. */
const TYPES: ReadonlySet<string> = new Set(['counter', 'gauge', 'histogram', 'summary', 'unknown'])

type Value = { -readonly [Field in keyof ValueJson]: ValueJson[Field] }

/** What is made of the families of a page, and used again as long as only their numbers change. */
interface Skeleton {
  readonly families: readonly Family[]
  readonly metrics: readonly MetricJson[]
  /** Of each series. */
  readonly values: readonly Value[]
}

/**
 * Reads the expositions of one source, in text 0.0.4, 1.0.0 or OpenMetrics, into what `getMetricsAsJSON` would give. Accepts what
 * Prometheus accepts in a scrape. Timestamps are left to the snapshot.
 */
export class ExpositionSource {
  readonly #reader = new TextReader('scrape', LIMITS)
  #skeleton: Skeleton | null = null

  /**
   * In slices. One call at a time: the next one may change what this one gave.
   *
   * @throws Error with the line and what is wrong in it
   */
  async read(text: string): Promise<ReadExposition> {
    const start = text.slice(0, 1000).trimStart()
    if (start.startsWith('<')) {
      throw new Error(
        `the source gave a web page, not metrics: it begins with ${quote(start.split('\n')[0])}; check its URL, and whether it needs a login`,
      )
    }
    const exposition = await runInSlices(this.#reader.readInSteps(Buffer.from(text)))
    if (this.#skeleton?.families !== exposition.families)
      this.#skeleton = await runInSlices(skeletonOf(exposition.families))
    const { metrics, values } = this.#skeleton
    fill(values, exposition)
    return { metrics, omitted: exposition.omitted }
  }
}

const SERIES_A_STEP = 100

function* skeletonOf(families: readonly Family[]): Steps<Skeleton> {
  const values: Value[] = []
  const metrics: MetricJson[] = []
  for (const family of families) {
    const own: SuffixedValue[] = []
    for (const { suffix, labels } of family.series) {
      const value: Value = {
        value: Number.NaN,
        labels: Object.fromEntries(labels.map(({ name, value }) => [name, value])),
      }
      values.push(value)
      own.push({ suffix, value })
      if (values.length % SERIES_A_STEP === 0) yield
    }
    if (TYPES.has(family.type)) metrics.push(metricOf(family, own))
    else metrics.push(...untypedOf(family, own))
  }
  return { families, metrics, values }
}

function fill(values: readonly Value[], exposition: Exposition): void {
  for (let i = 0; i < values.length; i++) {
    values[i].value = exposition.values[i]
    values[i].exemplar = undefined
  }
  for (const exemplar of exposition.exemplars ?? []) values[exemplar.series].exemplar = exemplarJson(exemplar)
}

type SuffixedValue = { readonly suffix: string; readonly value: Value }

function metricOf({ name, type, help }: Family, series: readonly SuffixedValue[]): MetricJson {
  const values: Value[] = []
  for (const { suffix, value } of series) {
    // A record has no place for it: when a series began is not one of its values.
    if (suffix === '_created') continue
    if (suffix !== '') value.metricName = name + suffix
    values.push(value)
  }
  return { name, type, help, values }
}

/** Info, state sets and gauge histograms have no type in a record: each of their names is a metric by itself. */
function untypedOf({ name, help }: Family, series: readonly SuffixedValue[]): MetricJson[] {
  const names = new Map<string, Value[]>()
  for (const { suffix, value } of series) {
    const values = names.get(name + suffix)
    if (values) values.push(value)
    else names.set(name + suffix, [value])
  }
  return [...names].map(([name, values]) => ({ name, type: undefined, help, values }))
}

const exemplarJson = ({ labels, value, timestamp }: Exemplar): ExemplarJson => ({
  labelSet: Object.fromEntries(labels.map(({ name, value }) => [name, value])),
  value,
  timestamp: timestamp === null ? undefined : timestamp / 1000,
})
