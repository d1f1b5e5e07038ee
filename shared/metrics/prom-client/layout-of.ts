import type { Steps } from '../../base/steps.js'
import { canonicalFloat, isFloatText } from '../float-text.js'
import { sortLabels } from '../labels.js'
import type { FamilyType, Layout, LayoutFamily, LayoutSeries, Suffix } from '../layout.js'
import { numberLabelOf, SUFFIXES_OF } from '../layout.js'
import { DEFAULT_LIMITS } from '../limits.js'
import type { Label } from '../model.js'
import type { MetricJson, ValueJson } from './metric-json.js'
import { clean, isText, textOf } from './text.js'

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
 *
 * @param without families to leave out, and why
 */
export function* layoutSteps(
  metrics: readonly MetricJson[],
  without: ReadonlyMap<string, string> = new Map(),
): Steps<Mapping> {
  const dropped = new Map<string, string>()
  const names = new Set(metrics.map(metric => metric.name))
  const drafts = new Map<string, Draft>()
  const owners = new Map<string, string>()
  const seen = new Set<string>()
  let at = 0
  let room = DEFAULT_LIMITS.samples
  for (const metric of metrics) {
    const identity = identityOf(metric, names)
    const { family } = identity
    const why = without.get(family) ?? whyNot(metric, identity, drafts.get(family))
    if (why) dropped.set(metric.name, why)
    for (const value of metric.values ?? []) {
      const here = at++
      if (at % SERIES_A_STEP === 0) yield
      if (why) continue
      const series = seriesOf(metric, value, identity)
      const reason = typeof series === 'string' ? series : whyNotSeries(family, series, owners, seen, room)
      if (typeof series === 'string' || reason) {
        dropped.set(metric.name, reason as string)
        continue
      }
      room--
      let draft = drafts.get(family)
      if (!draft) {
        const help = clean(textOf(metric.help ?? ''), DEFAULT_LIMITS.valueBytes)
        draft = { name: family, type: identity.type, help, series: [] }
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

interface Identity {
  readonly family: string
  readonly type: FamilyType
  /** Of series whose metric has none of its own. */
  readonly suffix: Suffix
}

const TYPES: readonly unknown[] = ['counter', 'gauge', 'histogram', 'summary']

/**
 * A counter's family is named without `_total`. Where that name is taken, or is no name of a counter either, its series go by
 * their full name and without a type, as which any name is allowed.
 */
function identityOf({ name, type: given }: MetricJson, names: ReadonlySet<string>): Identity {
  const type = TYPES.includes(given) ? (given as FamilyType) : 'unknown'
  if (type !== 'counter' || !String(name).endsWith('_total')) return { family: name, type, suffix: '' }
  const bare = name.slice(0, -'_total'.length)
  if (bare === '' || bare.endsWith('_total') || names.has(bare))
    return { family: name, type: 'unknown', suffix: '' }
  return { family: bare, type, suffix: '_total' }
}

function whyNot({ name }: MetricJson, { type }: Identity, known: Draft | undefined): string | undefined {
  if (typeof name !== 'string' || name === '') return 'it has no name'
  if (!isText(name)) return 'its name has a NUL or half a character in it'
  if (Buffer.byteLength(name) > DEFAULT_LIMITS.nameBytes - '_bucket'.length) return 'its name is too long'
  if (known && known.type !== type) return 'another metric of that name has another type'
  return undefined
}

function seriesOf(metric: MetricJson, value: ValueJson, { type, suffix }: Identity): LayoutSeries | string {
  const own = value.metricName?.startsWith(metric.name) ? value.metricName.slice(metric.name.length) : ''
  const composed = type === 'histogram' || type === 'summary'
  // A counter without `_total` in its name may still have it in those of its series.
  const named = composed || (type === 'counter' && suffix === '')
  if (named ? !SUFFIXES_OF[type].includes(own as Suffix) : own !== '')
    return `${own === '' ? 'a series without suffix' : `series ${value.metricName}`} is not of a ${type}`
  const labels: Label[] = []
  for (const [name, text] of Object.entries(value.labels ?? {})) {
    if (name.startsWith('__') || name === '') return `label ${JSON.stringify(name)} is reserved`
    if (!isText(name)) return 'the name of a label has a NUL or half a character in it'
    if (Buffer.byteLength(name) > DEFAULT_LIMITS.nameBytes) return 'the name of a label is too long'
    const written = clean(textOf(text), Number.POSITIVE_INFINITY)
    if (Buffer.byteLength(written) > DEFAULT_LIMITS.valueBytes)
      return `the value of label ${name} is too long`
    const number = name === 'le' || name === 'quantile'
    labels.push({ name, value: number ? canonicalFloat(written) : written })
  }
  if (labels.length > DEFAULT_LIMITS.labels) return `more than ${DEFAULT_LIMITS.labels} labels`
  const series = { suffix: named ? (own as Suffix) : suffix, labels: sortLabels(labels) }
  const number = numberLabelOf(type, series.suffix)
  if (number && !isFloatText(labels.find(({ name }) => name === number)?.value ?? ''))
    return `a series whose ${number} is no number`
  return series
}

/** @param owners which family the series of a name belong to: of two families, one would be lost where a snapshot is split */
function whyNotSeries(
  family: string,
  { suffix, labels }: LayoutSeries,
  owners: Map<string, string>,
  seen: Set<string>,
  room: number,
): string | undefined {
  if (room === 0) return `there are more than ${DEFAULT_LIMITS.samples} series`
  let identity = family + suffix
  const owner = owners.get(identity)
  if (owner !== undefined && owner !== family) return `metric ${owner} has series of the name ${identity}`
  if (owner === undefined) owners.set(identity, family)
  for (const { name, value } of labels) if (value !== '') identity += `\0${name}\0${value}`
  if (seen.has(identity)) return 'the same series comes twice'
  seen.add(identity)
  return undefined
}
