import { RefusedError } from './errors.js'
import { isFloatText } from './float-text.js'
import { compareUtf8 } from './key.js'
import { DEFAULT_LIMITS, type Limits } from './limits.js'
import type { Label, Layout, LayoutFamily, LayoutSeries } from './types.js'

/** The job under which the exposer itself is scraped. */
export const RESERVED_JOB = 'kafka-exposer'

const quote = (text: string) => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)

/** @throws RefusedError (`label`, `reserved`, `limit`) */
export function validateTarget(target: readonly Label[], limits: Limits = DEFAULT_LIMITS): void {
  checkLabels(target, limits, 'the target')
  const job = target.find(label => label.name === 'job')
  if (!job?.value) throw new RefusedError('label', 'the target has no job; every target needs that label')
  if (job.value === RESERVED_JOB) {
    throw new RefusedError('reserved', `job ${quote(RESERVED_JOB)} is the exposer's own; choose another`)
  }
  for (const { name, value } of target) {
    if (value === '')
      throw new RefusedError('label', `label ${quote(name)} of the target is empty; leave it out`)
    if (name.includes('\0') || value.includes('\0')) {
      throw new RefusedError('label', `label ${quote(name)} of the target contains a NUL byte; remove it`)
    }
  }
}

/** @throws RefusedError (`layout`, `label`, `reserved`, `duplicate_series`, `limit`) */
export function validateLayout(layout: Layout, limits: Limits = DEFAULT_LIMITS): void {
  const names = new Set<string>()
  const seen = new Set<string>()
  for (const family of layout.families) {
    if (family.name === '') throw new RefusedError('layout', 'a family has no name')
    if (names.has(family.name)) throw new RefusedError('layout', `family ${quote(family.name)} comes twice`)
    names.add(family.name)
    for (const series of family.series) {
      checkSuffix(family, series)
      checkLabels(series.labels, limits, family.name)
      checkNumberLabels(family, series)
      const identity = identityOf(family, series)
      if (seen.has(identity)) {
        throw new RefusedError('duplicate_series', `${quote(identity)} comes twice in one snapshot`)
      }
      seen.add(identity)
    }
  }
}

const SUFFIXES_OF: Record<LayoutFamily['type'], readonly string[]> = {
  unknown: [''],
  gauge: [''],
  counter: ['_total', ''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
}

function checkSuffix(family: LayoutFamily, series: LayoutSeries): void {
  if (SUFFIXES_OF[family.type].includes(series.suffix)) return
  throw new RefusedError(
    'layout',
    `${family.type} ${quote(family.name)} cannot have a series with suffix ${quote(series.suffix)}`,
  )
}

function checkNumberLabels(family: LayoutFamily, series: LayoutSeries): void {
  const needed = family.type === 'histogram' && series.suffix === '_bucket' ? 'le' : undefined
  const quantile = family.type === 'summary' && series.suffix === '' ? 'quantile' : undefined
  const name = needed ?? quantile
  if (!name) return
  const value = series.labels.find(label => label.name === name)?.value
  if (value === undefined || !isFloatText(value)) {
    throw new RefusedError(
      'label',
      `${family.type} ${quote(family.name)} has a series whose ${name} is not a number`,
    )
  }
}

function checkLabels(labels: readonly Label[], limits: Limits, owner: string): void {
  if (labels.length > limits.labels) {
    throw new RefusedError(
      'limit',
      `${quote(owner)} has ${labels.length} labels, over the limit of ${limits.labels}`,
    )
  }
  for (let i = 0; i < labels.length; i++) {
    const { name } = labels[i]
    if (name === '') throw new RefusedError('label', `${quote(owner)} has a label without a name`)
    if (name.startsWith('__')) {
      throw new RefusedError(
        'reserved',
        `label ${quote(name)} of ${quote(owner)}: names that begin with __ are Prometheus's own`,
      )
    }
    if (i === 0) continue
    const order = compareUtf8(labels[i - 1].name, name)
    if (order === 0) throw new RefusedError('label', `${quote(owner)} has label ${quote(name)} twice`)
    if (order > 0)
      throw new RefusedError('label', `the labels of ${quote(owner)} are not sorted at ${quote(name)}`)
  }
}

/** Empty label values do not tell series apart in Prometheus, so they do not here. */
function identityOf(family: LayoutFamily, series: LayoutSeries): string {
  let identity = family.name + series.suffix
  for (const { name, value } of series.labels) if (value !== '') identity += `\0${name}\0${value}`
  return identity
}
