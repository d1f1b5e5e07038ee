import type { Steps } from '../../base/steps.js'
import { numberLabelOf, SUFFIXES_OF } from '../../metrics/layout.js'
import type { Family, SampleSuffix, Series } from '../../metrics/model.js'
import { FamilyPlacement } from './family-placement.js'
import type { LayoutBuilder } from './layout-builder.js'
import { NumberLabels } from './number-labels.js'

const SERIES_PER_STEP = 50

/**
 * Adds the families of a reader to a layout. Series get the names and labels that Prometheus stores
 * when it scrapes the same page. Types that a record does not have become `gauge` or `unknown`
 * under the full names of the samples, see the table in docs/mapping.md.
 *
 * @param exposedNames names of metrics and samples of all sources
 */
export function* addFamilies(
  builder: LayoutBuilder,
  families: readonly Family[],
  exposedNames: ReadonlySet<string>,
): Steps<void> {
  const numbers = new NumberLabels()
  let seen = 0
  for (const family of families) {
    const isTyped = yield* fitsRecordType(family, numbers)
    const placements = new FamilyPlacement(family, exposedNames, isTyped, builder)
    const hasNumbers = family.type === 'histogram' || family.type === 'summary'
    for (const { suffix, labels } of family.series) {
      const placement = placements.of(suffix)
      if (placement.refusal) builder.drop(family.name, placement.refusal)
      else {
        const isUntyped = hasNumbers && placement.head.type === 'unknown'
        const stored = isUntyped ? numbers.stored(family, labels) : labels
        builder.add(family.name, placement.head, placement.suffix, stored)
      }
      if (++seen % SERIES_PER_STEP === 0) yield
    }
  }
}

/** Adds the names of families and their samples. */
export function* addFamilyNames(names: Set<string>, families: readonly Family[]): Steps<void> {
  let seen = 0
  for (const { name, series } of families) {
    names.add(name)
    let last: SampleSuffix = ''
    for (const { suffix } of series) {
      if (suffix !== last) names.add(name + suffix)
      last = suffix
      if (++seen % (20 * SERIES_PER_STEP) === 0) yield
    }
  }
}

/**
 * Whether all series of a histogram or summary, except creation times, fit a family of that type in
 * a record.
 */
function* fitsRecordType({ type, series }: Family, numbers: NumberLabels): Steps<boolean> {
  if (type !== 'histogram' && type !== 'summary') return true
  let seen = 0
  for (const item of series) {
    if (item.suffix !== '_created' && !fitsType(item, type, numbers)) return false
    if (++seen % (10 * SERIES_PER_STEP) === 0) yield
  }
  return true
}

function fitsType(
  { suffix, labels }: Series,
  type: 'histogram' | 'summary',
  numbers: NumberLabels,
): boolean {
  const carried = SUFFIXES_OF[type].find(own => own === suffix)
  if (carried === undefined) return false
  const name = numberLabelOf(type, carried)
  if (name === undefined) return true
  const label = labels.find(label => label.name === name)
  return label !== undefined && numbers.isNumber(label)
}
