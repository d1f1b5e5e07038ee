import { canonicalFloat } from '../shared/snapshot/float-text.js'
import { sortLabels } from '../shared/snapshot/key.js'
import { DEFAULT_LIMITS } from '../shared/snapshot/limits.js'
import type { Steps } from '../shared/snapshot/steps.js'
import type {
  FamilyType,
  Label,
  Layout,
  LayoutFamily,
  LayoutSeries,
  Suffix,
} from '../shared/snapshot/types.js'
import type { MetricJson, ValueJson } from './source.js'

export interface Mapping {
  readonly layout: Layout
  /** Where each value, in the order of the registry, stands in the layout; −1 for one that is left out. */
  readonly order: Int32Array
  readonly series: number
  /** Metrics of which something was left out, and why. */
  readonly dropped: ReadonlyMap<string, string>
}

interface Draft {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly series: { readonly at: number; readonly series: LayoutSeries }[]
}

/**
 * The layout of what a registry gives. What the exposer would refuse is left out here and named, because it would refuse the
 * whole snapshot: one bad metric must not silence an app.
 */
export function* layoutSteps(metrics: readonly MetricJson[]): Steps<Mapping> {
  const dropped = new Map<string, string>()
  const names = new Set(metrics.map(metric => metric.name))
  const drafts = new Map<string, Draft>()
  const seen = new Set<string>()
  let at = 0
  let room = DEFAULT_LIMITS.samples
  for (const metric of metrics) {
    const { family, suffix } = familyName(metric, names)
    const why = whyNot(metric, drafts.get(family))
    if (why) dropped.set(metric.name, why)
    for (const value of metric.values ?? []) {
      const here = at++
      if (at % SERIES_A_STEP === 0) yield
      if (why) continue
      const series = seriesOf(metric, value, suffix)
      const reason =
        typeof series === 'string' ? series : room === 0 ? 'too many series' : duplicate(seen, family, series)
      if (typeof series === 'string' || reason) {
        dropped.set(metric.name, reason as string)
        continue
      }
      room--
      let draft = drafts.get(family)
      if (!draft) {
        draft = {
          name: family,
          type: typeOf(metric),
          help: clean(metric.help ?? '', DEFAULT_LIMITS.valueBytes),
          series: [],
        }
        drafts.set(family, draft)
      }
      draft.series.push({ at: here, series })
    }
  }
  return arrange([...drafts.values()], at, dropped)
}

const SERIES_A_STEP = 50

function arrange(drafts: Draft[], values: number, dropped: Map<string, string>): Mapping {
  drafts.sort((a, b) => (a.name < b.name ? -1 : 1))
  const order = new Int32Array(values).fill(-1)
  let index = 0
  const families: LayoutFamily[] = drafts.map(({ name, type, help, series }) => {
    for (const { at } of series) order[at] = index++
    return { name, type, help, unit: '', series: series.map(s => s.series) }
  })
  return { layout: { families }, order, series: index, dropped }
}

const TYPES: readonly unknown[] = ['counter', 'gauge', 'histogram', 'summary']

function typeOf(metric: MetricJson): FamilyType {
  return TYPES.includes(metric.type) ? (metric.type as FamilyType) : 'unknown'
}

/** A counter's family is named without `_total`, unless another metric has that name. */
function familyName(metric: MetricJson, names: ReadonlySet<string>): { family: string; suffix: Suffix } {
  const { name } = metric
  if (typeOf(metric) !== 'counter' || !name.endsWith('_total') || name === '_total')
    return { family: name, suffix: '' }
  const bare = name.slice(0, -'_total'.length)
  return names.has(bare) ? { family: name, suffix: '' } : { family: bare, suffix: '_total' }
}

function whyNot(metric: MetricJson, known: Draft | undefined): string | undefined {
  if (typeof metric.name !== 'string' || metric.name === '') return 'it has no name'
  if (!metric.name.isWellFormed() || Buffer.byteLength(metric.name) > DEFAULT_LIMITS.nameBytes - 8)
    return 'its name is too long'
  if (known && known.type !== typeOf(metric)) return 'another registry has it with another type'
  return undefined
}

function seriesOf(metric: MetricJson, value: ValueJson, suffix: Suffix): LayoutSeries | string {
  const own = value.metricName?.startsWith(metric.name) ? value.metricName.slice(metric.name.length) : ''
  const type = typeOf(metric)
  const composed = type === 'histogram' || type === 'summary'
  if (composed ? !['', '_bucket', '_sum', '_count'].includes(own) : own !== '')
    return `series ${value.metricName} is not its own`
  const labels: Label[] = []
  for (const [name, text] of Object.entries(value.labels ?? {})) {
    if (name.startsWith('__') || name === '' || !name.isWellFormed())
      return `label ${JSON.stringify(name)} is reserved`
    if (Buffer.byteLength(name) > DEFAULT_LIMITS.nameBytes) return 'the name of a label is too long'
    const written = clean(String(text), Number.POSITIVE_INFINITY)
    if (Buffer.byteLength(written) > DEFAULT_LIMITS.valueBytes)
      return `the value of label ${name} is too long`
    const number = name === 'le' || name === 'quantile'
    labels.push({ name, value: number ? canonicalFloat(written) : written })
  }
  if (labels.length > DEFAULT_LIMITS.labels) return `more than ${DEFAULT_LIMITS.labels} labels`
  return { suffix: composed ? (own as Suffix) : suffix, labels: sortLabels(labels) }
}

function duplicate(seen: Set<string>, family: string, series: LayoutSeries): string | undefined {
  let identity = family + series.suffix
  for (const { name, value } of series.labels) if (value !== '') identity += `\0${name}\0${value}`
  if (seen.has(identity)) return 'the same series comes twice'
  seen.add(identity)
  return undefined
}

/** Text that UTF-8 can hold, cut to its limit. */
function clean(text: string, maxBytes: number): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed()
  return Buffer.byteLength(wellFormed) <= maxBytes ? wellFormed : wellFormed.slice(0, maxBytes / 4)
}
