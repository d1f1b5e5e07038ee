import type { Steps } from '../../base/steps.js'
import { sortLabels } from '../../metrics/labels.js'
import { type FamilyType, SUFFIXES_OF, type Suffix } from '../../metrics/layout.js'
import type { Label } from '../../metrics/model.js'
import type { MetricJson, ValueJson } from '../../metrics/prom-client/metric-json.js'
import { textOf } from '../../metrics/prom-client/text-of.js'
import { counterFamily } from './counter-name.js'
import type { FamilyHead, LayoutBuilder } from './layout-builder.js'
import type { Drop } from './mapping.js'

const SERIES_PER_STEP = 50

/**
 * Adds the metrics of a prom-client registry to a layout. It bypasses the neutral model, which
 * would cost CPU in the application.
 *
 * @param exposedNames names of metrics and samples of all sources
 */
export function* addMetrics(
  builder: LayoutBuilder,
  metrics: readonly MetricJson[],
  exposedNames: ReadonlySet<string>,
): Steps<void> {
  const labels = new LabelLists()
  let seen = 0
  for (const metric of metrics) {
    const placement = placementOf(metric, exposedNames)
    const values = metric.values ?? []
    const refusal = typeof metric.name === 'string' ? builder.refusalOf(placement.head) : NO_NAME
    if (refusal) {
      builder.drop(metric.name, refusal, values.length)
      continue
    }
    for (const value of values) {
      const suffix = suffixOf(metric, value, placement)
      if (suffix === undefined) builder.drop(metric.name, notOfType(value, placement))
      else builder.add(metric.name, placement.head, suffix, labels.of(value))
      if (++seen % SERIES_PER_STEP === 0) yield
    }
  }
}

/** Adds the names of metrics and their samples. */
export function addMetricNames(names: Set<string>, metrics: readonly MetricJson[]): void {
  for (const { name, type } of metrics) {
    names.add(name)
    if (type !== 'histogram' && type !== 'summary') continue
    for (const suffix of SUFFIXES_OF[type]) names.add(name + suffix)
  }
}

const NO_NAME: Drop = { reason: 'layout', message: 'it has no name; name it' }

interface SeriesPlacement {
  readonly head: FamilyHead
  /** Suffix of series that have none in their own name; null if all have one. */
  readonly suffix: Suffix | null
}

const TYPES: readonly unknown[] = ['counter', 'gauge', 'histogram', 'summary']

function placementOf(
  { name, type: given, help }: MetricJson,
  exposedNames: ReadonlySet<string>,
): SeriesPlacement {
  const type = TYPES.includes(given) ? (given as FamilyType) : 'unknown'
  const head = { name, type, help: textOf(help ?? ''), unit: '' }
  if (type === 'histogram' || type === 'summary') return { head, suffix: null }
  if (type !== 'counter') return { head, suffix: '' }
  const counter = counterFamily(String(name), exposedNames)
  if (!counter) return { head: { ...head, type: 'unknown' }, suffix: '' }
  // A counter without `_total` in its name may have series with it.
  return {
    head: { ...head, name: counter.family },
    suffix: counter.suffix === '' ? null : counter.suffix,
  }
}

/** Undefined for a series that does not fit the type of its metric. */
function suffixOf(
  metric: MetricJson,
  { metricName }: ValueJson,
  { head, suffix }: SeriesPlacement,
): Suffix | undefined {
  const own = metricName?.startsWith(metric.name) ? metricName.slice(metric.name.length) : ''
  if (suffix !== null) return own === '' ? suffix : undefined
  return SUFFIXES_OF[head.type].find(allowed => allowed === own)
}

const notOfType = ({ metricName }: ValueJson, { head: { type } }: SeriesPlacement): Drop => ({
  reason: 'layout',
  message: `${metricName === undefined ? 'a series without suffix' : `series ${metricName}`} is not valid in a ${type}; remove it`,
})

/** Sorted lists of labels. Equal labels share one object. */
class LabelLists {
  readonly #labels = new Map<string, Map<unknown, Label>>()

  of({ labels }: ValueJson): readonly Label[] {
    const list: Label[] = []
    for (const name in labels)
      if (Object.hasOwn(labels, name)) list.push(this.#label(name, labels[name]))
    return list.length > 1 ? sortLabels(list) : list
  }

  #label(name: string, value: unknown): Label {
    let values = this.#labels.get(name)
    if (!values) {
      values = new Map()
      this.#labels.set(name, values)
    }
    let label = values.get(value)
    if (!label) {
      label = { name, value: textOf(value) }
      values.set(value, label)
    }
    return label
  }
}
