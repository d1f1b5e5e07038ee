import type { Steps } from '../../../shared/base/steps.js'
import { compareUtf8 } from '../../../shared/metrics/labels.js'
import type { Family, Label, Series } from '../../../shared/metrics/model.js'
import type { LabelMap } from '../../../shared/metrics/relabel/relabel.js'
import { isLabelName, isMetricName } from '../../../shared/metrics/relabel/rule.js'
import type { ScrapeJob } from '../config/job.js'
import { FamilyNames } from './family-names.js'
import { exceededLabelLimit } from './limits.js'
import { recordLabels, storedLabelsSteps } from './sample-labels.js'

/** What becomes of the series of a page: derived once while the page has the same series. */
export interface SeriesPlan {
  readonly families: readonly Family[]
  /** Index in the page of each series of `families`. Null: the same series in the same order. */
  readonly sources: Int32Array | null
  /** Why the scrape fails, in Prometheus's words. */
  readonly failure: string | undefined
  /** Series after metric relabelling. */
  readonly series: number
  /** Series whose labels differ from labels of their target. */
  readonly overriding: number
}

export type SeriesRules = Pick<ScrapeJob, 'honorLabels' | 'metricRelabelRules' | 'limits' | 'names'>

const SERIES_PER_STEP = 100
/** Characters of labels that are copied and compared in a step, besides regular expressions. */
const CHARACTERS_PER_STEP = 1000

/**
 * Plans what becomes of the series of a page.
 *
 * @param target labels of the target
 */
export function* planSeries(
  families: readonly Family[],
  target: readonly Label[],
  rules: SeriesRules,
): Steps<SeriesPlan> {
  const { honorLabels, metricRelabelRules, limits, names } = rules
  const placed = new FamilyNames(families)
  const targetNames = new Set(target.map(({ name }) => name))
  const hasLimits = limits.labels + limits.labelNameBytes + limits.labelValueBytes > 0
  const mayRename = metricRelabelRules.length > 0 || names === 'legacy'
  let failure: string | undefined
  let overriding = 0
  let changed = false
  let index = 0
  let characters = 0
  for (const family of families) {
    for (const series of family.series) {
      const at = index++
      if (index % SERIES_PER_STEP === 0) yield
      const isPlain =
        !mayRename && !hasLimits && !series.labels.some(({ name }) => targetNames.has(name))
      if (isPlain) {
        placed.keep(family, series, at)
        continue
      }
      for (const { value } of series.labels)
        characters += value.length * (1 + metricRelabelRules.length)
      if (characters > CHARACTERS_PER_STEP) {
        yield
        characters = 0
      }
      const own = labelsOf(family, series)
      const stored = yield* storedLabelsSteps(own, target, honorLabels, metricRelabelRules)
      if (!stored || stored.size === 0) {
        changed = true
        continue
      }
      failure ??= problemOf(stored, rules)
      const { labels, overrides } = recordLabels(stored, target)
      if (overrides) overriding++
      if (stored.get('__name__') === own.get('__name__') && sameLabels(labels, series.labels)) {
        placed.keep(family, series, at)
      } else {
        changed = true
        const sorted = labels.sort((a, b) => compareUtf8(a.name, b.name))
        placed.place(family, series, stored.get('__name__') ?? '', sorted, at)
      }
    }
  }
  const count = placed.size
  if (limits.samples > 0 && count > limits.samples) failure ??= 'sample limit exceeded'
  const shared = { failure, series: count, overriding }
  return changed ? { ...placed.finish(), ...shared } : { families, sources: null, ...shared }
}

function labelsOf(family: Family, series: Series): LabelMap {
  const labels: LabelMap = new Map([['__name__', family.name + series.suffix]])
  for (const { name, value } of series.labels) labels.set(name, value)
  return labels
}

function problemOf(stored: LabelMap, { limits, names }: SeriesRules): string | undefined {
  const metric = stored.get('__name__')
  if (!metric) return 'missing metric name (__name__ label)'
  const isValid =
    isMetricName(metric, names) &&
    (names === 'utf8' || [...stored.keys()].every(name => isLabelName(name, names)))
  return isValid
    ? exceededLabelLimit(stored, limits)
    : `invalid metric name or label names: ${metric}`
}

function sameLabels(a: readonly Label[], b: readonly Label[]): boolean {
  if (a.length !== b.length) return false
  const values = new Map(b.map(({ name, value }) => [name, value]))
  return a.every(({ name, value }) => values.get(name) === value)
}
