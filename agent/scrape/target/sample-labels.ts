import type { Steps } from '../../../shared/base/steps.js'
import type { Label } from '../../../shared/metrics/model.js'
import { type LabelMap, relabelSteps } from '../../../shared/metrics/relabel/relabel.js'
import type { Rule } from '../../../shared/metrics/relabel/rule.js'

/**
 * The labels of a scraped series as Prometheus stores them: those of the target, conflicts resolved,
 * metric relabelling applied.
 *
 * @param own labels of the series with `__name__`
 * @returns undefined if the series is dropped
 */
export function* storedLabelsSteps(
  own: LabelMap,
  target: readonly Label[],
  honorLabels: boolean,
  rules: readonly Rule[],
): Steps<LabelMap | undefined> {
  const labels: LabelMap = new Map(own)
  if (honorLabels) {
    for (const { name, value } of target) if (!own.has(name)) labels.set(name, value)
  } else {
    const conflicts: Label[] = []
    for (const { name, value } of target) {
      const existing = own.get(name)
      if (existing) conflicts.push({ name, value: existing })
      labels.set(name, value)
    }
    resolveConflicts(labels, conflicts)
  }
  for (const [name, value] of labels) if (value === '') labels.delete(name)
  return (yield* relabelSteps(labels, rules)) ? labels : undefined
}

/** The shortest names first, so that the result does not depend on the order of the labels. */
function resolveConflicts(labels: LabelMap, conflicts: Label[]): void {
  for (const { name, value } of conflicts.sort((a, b) => a.name.length - b.name.length)) {
    let renamed = name
    do renamed = `exported_${renamed}`
    while (labels.get(renamed))
    labels.set(renamed, value)
  }
}

/**
 * The labels that a series has in the record of a target, so that what is stored in the end has the
 * labels `stored`. A label with the value of the target is left out. A label that differs from the
 * target stays, and one that is missing is empty: Prometheus stores both as they are if it scrapes
 * the virtual target with `honor_labels`.
 *
 * @returns the labels, and whether some differ from the target
 */
export function recordLabels(
  stored: LabelMap,
  target: readonly Label[],
): { readonly labels: Label[]; readonly overrides: boolean } {
  const remaining = new Map(stored)
  remaining.delete('__name__')
  let overrides = false
  for (const { name, value } of target) {
    const own = remaining.get(name)
    if (own === value) {
      remaining.delete(name)
    } else {
      overrides = true
      if (own === undefined) remaining.set(name, '')
    }
  }
  return { labels: [...remaining].map(([name, value]) => ({ name, value })), overrides }
}
