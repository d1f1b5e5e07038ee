import { sortSteps } from '../../../shared/base/sort-steps.js'
import type { Steps } from '../../../shared/base/steps.js'
import { isFloatText } from '../../../shared/metrics/float-text.js'
import type {
  Family,
  Label,
  MetricType,
  SampleSuffix,
  Series,
} from '../../../shared/metrics/model.js'
import { WRITE_TYPES, type WriteType } from '../../../shared/metrics/remote-write/request.js'
import type { Metadata } from './series-table.js'
import { labelsOf, nameOf, type SeriesText } from './series-text.js'

/** Families, and where each series of the source is in them, counted over all families. */
export interface OrderedFamilies {
  readonly families: readonly Family[]
  readonly order: Int32Array
}

interface Source {
  readonly texts: readonly SeriesText[]
  readonly metadata: readonly Metadata[]
}

/** The series of one metric name. */
interface Metric {
  readonly name: string
  type: WriteType
  help: string
  unit: string
  readonly series: Item[]
}

interface Item {
  /** Index in the source. */
  readonly index: number
  readonly labels: readonly Label[]
}

const SERIES_PER_STEP = 200

/**
 * Families of the series of a target. A histogram or summary is made of its series if their
 * metadata or their names and labels say so; every other name is a family of its own. The type is
 * that of the metadata, else unknown.
 */
export function* familiesOf(source: Source): Steps<OrderedFamilies> {
  const metrics = yield* metricsOf(source)
  const composed = composedFamilies(metrics)
  const drafts = new Map<string, Draft>()
  for (const metric of metrics.values()) {
    const { family, suffix } = placeOf(metric, composed)
    let draft = drafts.get(family)
    if (!draft) {
      draft = { name: family, type: composed.get(family) ?? ownType(metric), metrics: [] }
      drafts.set(family, draft)
    }
    draft.metrics.push({ metric, suffix })
  }
  const names = yield* sortSteps([...drafts.keys()], (a, b) => (a < b ? -1 : 1))
  const families: Family[] = []
  const order = new Int32Array(source.texts.length)
  let at = 0
  for (const name of names) {
    const { family, items } = yield* orderedFamily(drafts.get(name)!)
    families.push(family)
    for (const index of items) order[index] = at++
  }
  return { families, order }
}

function* metricsOf({ texts, metadata }: Source): Steps<ReadonlyMap<string, Metric>> {
  const interned = new Map<string, Label>()
  const intern = (name: string, value: string): Label => {
    const key = `${name}\0${value}`
    let label = interned.get(key)
    if (!label) {
      label = { name, value }
      interned.set(key, label)
    }
    return label
  }
  const metrics = new Map<string, Metric>()
  const indices = yield* sortSteps(
    Array.from(texts, (_, index) => index),
    (a, b) => (texts[a] < texts[b] ? -1 : 1),
  )
  for (const [at, index] of indices.entries()) {
    const name = nameOf(texts[index])
    let metric = metrics.get(name)
    if (!metric) {
      metric = { name, type: 'unknown', help: '', unit: '', series: [] }
      metrics.set(name, metric)
    }
    metric.series.push({ index, labels: labelsOf(texts[index], intern) })
    // The first of its series that has any decides, in an order that all gateways share.
    const { type, help, unit } = metadata[index]
    if (metric.type === 'unknown') metric.type = WRITE_TYPES[type] ?? 'unknown'
    if (metric.help === '') metric.help = help
    if (metric.unit === '') metric.unit = unit
    if (at % SERIES_PER_STEP === 0) yield
  }
  return metrics
}

const SUFFIXES = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['_sum', '_count'],
} as const
type Composed = keyof typeof SUFFIXES

/** Names of the families that several metric names are part of. */
function composedFamilies(metrics: ReadonlyMap<string, Metric>): ReadonlyMap<string, Composed> {
  const composed = new Map<string, Composed>()
  for (const { name, type, series } of metrics.values()) {
    const base = baseOf(name, '_bucket')
    if (base !== undefined && !metrics.has(base)) {
      const isUntyped = type === 'unknown' && series.every(({ labels }) => hasNumber(labels, 'le'))
      if (type === 'histogram' || isUntyped) composed.set(base, 'histogram')
    }
    const isUntyped =
      type === 'unknown' &&
      metrics.has(`${name}_sum`) &&
      metrics.has(`${name}_count`) &&
      series.every(({ labels }) => hasNumber(labels, 'quantile'))
    if ((type === 'summary' && baseOfSummary(name, metrics) === undefined) || isUntyped)
      composed.set(name, 'summary')
  }
  // A summary without quantiles has no series with its own name.
  for (const { name, type } of metrics.values()) {
    if (type !== 'summary' && type !== 'histogram') continue
    for (const suffix of SUFFIXES[type]) {
      const base = baseOf(name, suffix)
      if (base !== undefined && !metrics.has(base) && !composed.has(base)) composed.set(base, type)
    }
  }
  return composed
}

function baseOfSummary(name: string, metrics: ReadonlyMap<string, Metric>): string | undefined {
  for (const suffix of SUFFIXES.summary) {
    const base = baseOf(name, suffix)
    if (base !== undefined && (metrics.get(base)?.type === 'summary' || !metrics.has(base)))
      return base
  }
  return undefined
}

const baseOf = (name: string, suffix: string): string | undefined =>
  name.length > suffix.length && name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined

const hasNumber = (labels: readonly Label[], name: string): boolean =>
  labels.some(label => label.name === name && isFloatText(label.value))

/** Family and suffix of a metric name. */
function placeOf(
  { name, type }: Metric,
  composed: ReadonlyMap<string, Composed>,
): { readonly family: string; readonly suffix: SampleSuffix } {
  for (const suffix of SUFFIXES.histogram) {
    const base = baseOf(name, suffix)
    const of = base === undefined ? undefined : composed.get(base)
    if (base === undefined || of === undefined) continue
    if ((SUFFIXES[of] as readonly string[]).includes(suffix) && (type === 'unknown' || type === of))
      return { family: base, suffix }
  }
  return { family: name, suffix: '' }
}

/** Type of a metric name that is a family of its own. */
function ownType({ type }: Metric): MetricType {
  switch (type) {
    case 'counter':
    case 'gauge':
      return type
    // As clients write them in the text format.
    case 'info':
    case 'stateset':
      return 'gauge'
    default:
      return 'unknown'
  }
}

interface Draft {
  readonly name: string
  readonly type: MetricType
  readonly metrics: { readonly metric: Metric; readonly suffix: SampleSuffix }[]
}

/** A series with what it is sorted by. */
interface Ranked {
  readonly series: Series
  readonly index: number
  /** The labels without `le` and `quantile`. */
  readonly group: string
  readonly rank: number
  readonly number: number
}

const RANK: Partial<Record<SampleSuffix, number>> = { '': 0, _bucket: 0, _sum: 1, _count: 2 }

function* orderedFamily({
  name,
  type,
  metrics,
}: Draft): Steps<{ family: Family; items: number[] }> {
  const numberLabel = type === 'histogram' ? 'le' : type === 'summary' ? 'quantile' : undefined
  const ranked: Ranked[] = []
  for (const { metric, suffix } of metrics) {
    for (const { index, labels } of metric.series) {
      let group = ''
      let number = 0
      for (const label of labels) {
        if (label.name === numberLabel) number = numberOf(label.value)
        else group += `${label.name}\0${label.value}\0`
      }
      ranked.push({ series: { suffix, labels }, index, group, rank: RANK[suffix] ?? 0, number })
      if (ranked.length % SERIES_PER_STEP === 0) yield
    }
  }
  const sorted = yield* sortSteps(ranked, compare)
  const described = metrics.find(({ metric }) => metric.help !== '')?.metric
  const measured = metrics.find(({ metric }) => metric.unit !== '')?.metric
  return {
    family: {
      name,
      type,
      help: described?.help ?? '',
      unit: measured?.unit ?? '',
      series: sorted.map(({ series }) => series),
    },
    items: sorted.map(({ index }) => index),
  }
}

function compare(a: Ranked, b: Ranked): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1
  if (a.rank !== b.rank) return a.rank - b.rank
  if (a.number === b.number) return 0
  return a.number < b.number ? -1 : 1
}

/** Text that is no number comes last. */
function numberOf(text: string): number {
  const number = isFloatText(text) ? Number(text.replace(/inf(inity)?$/i, 'Infinity')) : Number.NaN
  return Number.isNaN(number) ? Number.POSITIVE_INFINITY : number
}
