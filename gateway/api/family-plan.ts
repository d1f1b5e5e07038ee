import { quote } from '../../shared/base/quote.js'
import type { Steps } from '../../shared/base/steps.js'
import { isLegacyLabelName, isLegacyMetricName } from '../../shared/exposition/escape.js'
import { goFloat } from '../../shared/metrics/go-float.js'
import type { Family, Label, MetricType, Series } from '../../shared/metrics/model.js'
import { numberOfText } from '../../shared/metrics/text/numbers.js'
import { isPushTime } from '../state/group.js'
import type { PushedType } from '../state/types.js'
import { ComposedFamily } from './composed-family.js'
import { InconsistentPush, RefusedPush } from './refused-push.js'
import { SeriesLines } from './series-lines.js'
import { type SeriesWriter, seriesLines } from './series-writer.js'

/** How a family of a body becomes one of a push. It depends on everything but the values. */
export interface FamilyPlan {
  readonly name: string
  readonly type: PushedType
  readonly help: string
  /** As in `PushedFamily`. */
  readonly series: string
  readonly count: number
  /** Index of its first value among those of the body. */
  readonly from: number
  /**
   * For each series the index of its value in the family, or -1 for 0. Null: all values in their
   * order.
   */
  readonly sources: Int32Array | null
}

export interface PlanOptions {
  readonly writer: SeriesWriter
  readonly utf8Names: boolean
  /** Whether histograms and summaries get the series that Pushgateway adds. */
  readonly completes: boolean
}

const SERIES_PER_STEP = 200

/**
 * @throws RefusedPush
 */
export function* planFamilies(
  families: readonly Family[],
  options: PlanOptions,
): Steps<FamilyPlan[]> {
  const plans: FamilyPlan[] = []
  let from = 0
  let steps = 0
  for (const family of families) {
    const { name, series } = family
    // Pushgateway ignores those of a push, too.
    if (!isPushTime(name) && series.length > 0) plans.push(yield* planFamily(family, from, options))
    from += series.length
    if (++steps % SERIES_PER_STEP === 0) yield
  }
  return plans
}

function* planFamily(family: Family, from: number, options: PlanOptions): Steps<FamilyPlan> {
  const { name, help } = family
  const type = pushedType(family.type)
  if (!options.utf8Names && !isLegacyMetricName(name))
    throw new RefusedPush(400, 'format', `invalid metric name ${quote(name)}`)
  const composed = (type === 'histogram' || type === 'summary') && options.completes
  const plan = composed
    ? yield* planComposed(family, type, options)
    : yield* planPlain(family, options)
  return { name, type, help, from, ...plan }
}

type Planned = Pick<FamilyPlan, 'series' | 'count' | 'sources'>

function* planPlain({ name, series, type }: Family, options: PlanOptions): Steps<Planned> {
  const line = seriesLines(name)
  const number = numberLabelOf(type)
  const checked = new Set<string>()
  const lines = new SeriesLines()
  for (let i = 0; i < series.length; i++) {
    const { suffix, labels } = series[i]
    checkLabels(labels, name, options, checked)
    const own = number ? withGoNumber(labels, number) : labels
    lines.add(line(suffix, options.writer.labels(own)))
    if ((i + 1) % SERIES_PER_STEP > 0) continue
    lines.settle()
    yield
  }
  return { series: lines.toString(), count: series.length, sources: null }
}

function* planComposed(
  { name, series }: Family,
  type: 'histogram' | 'summary',
  options: PlanOptions,
): Steps<Planned> {
  const composed = new ComposedFamily(type)
  if (options.writer.adds(composed.number))
    throw new InconsistentPush(
      'inconsistent',
      `the grouping key has the label ${composed.number} of the ${type} ${quote(name)}`,
    )
  const checked = new Set<string>()
  for (let i = 0; i < series.length; i++) {
    checkLabels(series[i].labels, name, options, checked)
    composed.add(split(series[i], composed.number), i, options.writer)
    if ((i + 1) % SERIES_PER_STEP === 0) yield
  }
  return yield* composed.finish(seriesLines(name), options.writer, series.length)
}

/** A series of a histogram or summary: the labels of the metric, and its bound. */
export interface SplitSeries {
  readonly suffix: string
  /** Without the label of the bound. */
  readonly own: readonly Label[]
  /** As Go writes it; undefined for sums and counts. */
  readonly bound: string | undefined
}

function split({ suffix, labels }: Series, number: 'le' | 'quantile'): SplitSeries {
  const at = labels.findIndex(({ name }) => name === number)
  if (at < 0 || suffix === '_sum' || suffix === '_count')
    return { suffix, own: labels, bound: undefined }
  return { suffix, own: labels.toSpliced(at, 1), bound: goNumber(labels[at].value) }
}

const withGoNumber = (labels: readonly Label[], number: string): readonly Label[] =>
  labels.map(label =>
    label.name === number ? { name: number, value: goNumber(label.value) } : label,
  )

const GO_NUMBERS = new Map<string, string>()
const MAX_GO_NUMBERS = 10_000

/** Bounds as Go writes them, so that `1` and `1.0` are one bucket. */
function goNumber(text: string): string {
  const known = GO_NUMBERS.get(text)
  if (known !== undefined) return known
  const number = numberOfText(text)
  const written = number === undefined ? text : goFloat(number)
  if (GO_NUMBERS.size === MAX_GO_NUMBERS) GO_NUMBERS.clear()
  GO_NUMBERS.set(text, written)
  return written
}

function checkLabels(
  labels: readonly Label[],
  family: string,
  { utf8Names }: PlanOptions,
  checked: Set<string>,
): void {
  for (const { name } of labels) {
    if (checked.has(name)) continue
    if (!utf8Names && !isLegacyLabelName(name))
      throw new RefusedPush(400, 'format', `invalid label name ${quote(name)}`)
    if (name.startsWith('__'))
      throw new InconsistentPush(
        'inconsistent',
        `collected metric ${quote(family)} has a label with an invalid name: ${name}`,
      )
    checked.add(name)
  }
}

const numberLabelOf = (type: MetricType) =>
  type === 'histogram' || type === 'gaugehistogram'
    ? 'le'
    : type === 'summary'
      ? 'quantile'
      : undefined

/** Pushgateway exposes a gauge histogram as a histogram. */
function pushedType(type: MetricType): PushedType {
  if (type === 'gaugehistogram') return 'histogram'
  return type === 'info' || type === 'stateset' ? 'gauge' : type
}
