import { quote } from '../base/quote.js'
import { isFloatText } from '../metrics/float-text.js'
import { compareUtf8 } from '../metrics/labels.js'
import type { Layout, LayoutFamily, LayoutSeries } from '../metrics/layout.js'
import { numberLabelOf, SUFFIXES_OF } from '../metrics/layout.js'
import { DEFAULT_LIMITS, type Limits } from '../metrics/limits.js'
import type { Label } from '../metrics/model.js'
import { RefusedError } from './errors.js'
import { SeriesSet } from './series-set.js'

/** The job under which the exposer itself is scraped. */
const RESERVED_JOB = 'kafka-exposer'

/**
 * What a target must be, for a producer to ask before it writes and for a shard before it believes.
 *
 * @throws RefusedError (`label`, `reserved`, `limit`)
 */
export function validateTarget(target: readonly Label[], limits: Limits = DEFAULT_LIMITS): void {
  new LabelChecker(limits).check(target, 'the target')
  const job = target.find(label => label.name === 'job')
  if (!job?.value) throw new RefusedError('label', 'the target has no job; every target needs that label')
  if (job.value === RESERVED_JOB) {
    throw new RefusedError('reserved', `job ${quote(RESERVED_JOB)} is the exposer's own; choose another`)
  }
  const empty = target.find(label => label.value === '')
  if (empty) {
    throw new RefusedError('label', `label ${quote(empty.name)} of the target is empty; leave it out`)
  }
}

/**
 * What a layout must be beyond its Avro schema.
 *
 * @throws RefusedError (`layout`, `label`, `reserved`, `duplicate_series`, `limit`)
 */
export function validateLayout(layout: Layout, limits: Limits = DEFAULT_LIMITS): void {
  const count = layout.families.reduce((sum, family) => sum + family.series.length, 0)
  if (count > limits.samples) {
    throw new RefusedError('limit', `${count} series, over the limit of ${limits.samples}; expose fewer`)
  }
  const names = new Set<string>()
  const seen = new SeriesSet(count)
  const labels = new LabelChecker(limits)
  for (const family of layout.families) {
    checkFamily(family, limits)
    if (names.has(family.name)) {
      throw new RefusedError('layout', `family ${quote(family.name)} comes twice; put its series into one`)
    }
    names.add(family.name)
    // One string for all series of a kind: it is compared and hashed for each of them.
    const sampleNames = new Map(SUFFIXES_OF[family.type].map(suffix => [suffix, family.name + suffix]))
    for (const series of family.series) {
      checkSuffix(family, series)
      labels.check(series.labels, family.name)
      checkNumberLabel(family, series)
      if (!seen.add(sampleNames.get(series.suffix)!, series.labels)) throw duplicate(family, series)
    }
  }
}

/**
 * The names of a layout's samples. No two parts of one snapshot may share any, because nobody looks for the same series in
 * two of them: a snapshot is split between families.
 */
export function sampleNames(layout: Layout): Set<string> {
  const names = new Set<string>()
  for (const { name, series } of layout.families) for (const { suffix } of series) names.add(name + suffix)
  return names
}

/** @throws RefusedError (`duplicate_series`) when parts of one snapshot share a sample's name */
export function validateParts(parts: readonly ReadonlySet<string>[]): void {
  const all = new Set<string>()
  for (const names of parts) {
    for (const name of names) {
      if (all.has(name)) {
        throw new RefusedError(
          'duplicate_series',
          `${quote(name)} is in two parts of one snapshot; split between families`,
        )
      }
      all.add(name)
    }
  }
}

function checkFamily({ name, type, help, unit }: LayoutFamily, limits: Limits): void {
  if (name === '') throw new RefusedError('layout', 'a family has no name')
  if (type === 'counter' && name.endsWith('_total')) {
    throw new RefusedError(
      'layout',
      `counter ${quote(name)} has _total in its family's name; put it into the suffix of its series`,
    )
  }
  checkText(name, limits.nameBytes, 'layout', () => `the name of family ${quote(name)}`)
  checkText(help, limits.valueBytes, 'layout', () => `the help of family ${quote(name)}`)
  checkText(unit, limits.nameBytes, 'layout', () => `the unit of family ${quote(name)}`)
}

function checkSuffix(family: LayoutFamily, series: LayoutSeries): void {
  const allowed = SUFFIXES_OF[family.type]
  if (allowed.includes(series.suffix)) return
  throw new RefusedError(
    'layout',
    `${family.type} ${quote(family.name)} has a series with suffix ${quote(series.suffix)}; it may have ${allowed.map(quote).join(', ')}`,
  )
}

function checkNumberLabel(family: LayoutFamily, series: LayoutSeries): void {
  const name = numberLabelOf(family.type, series.suffix)
  if (!name) return
  const value = series.labels.find(label => label.name === name)?.value
  if (value !== undefined && isFloatText(value)) return
  throw new RefusedError(
    'label',
    `${family.type} ${quote(family.name)} has a series whose ${name} is ${value === undefined ? 'missing' : quote(value)}; it must be a number`,
  )
}

/**
 * Checks lists of labels. `decodeLayout` gives equal labels as one object, so that remembering the objects that were looked
 * at saves most of the work.
 */
class LabelChecker {
  readonly #checked = new Set<Label>()
  #previous: readonly Label[] = []

  constructor(private readonly limits: Limits) {}

  check(labels: readonly Label[], owner: string): void {
    if (labels.length > this.limits.labels) {
      throw new RefusedError(
        'limit',
        `${quote(owner)} has ${labels.length} labels, over the limit of ${this.limits.labels}`,
      )
    }
    const previous = this.#previous
    let sameBefore = true
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]
      const same = label === previous[i]
      if (!same && !this.#checked.has(label)) {
        this.#checkLabel(label, owner)
        this.#checked.add(label)
      }
      if (i > 0 && !(same && sameBefore)) checkOrder(labels[i - 1].name, label.name, owner)
      sameBefore = same
    }
    this.#previous = labels
  }

  #checkLabel({ name, value }: Label, owner: string): void {
    if (name === '') throw new RefusedError('label', `${quote(owner)} has a label without a name`)
    if (name.startsWith('__')) {
      throw new RefusedError(
        'reserved',
        `label ${quote(name)} of ${quote(owner)}: names that begin with __ are Prometheus's own; rename it`,
      )
    }
    const { nameBytes, valueBytes } = this.limits
    checkText(name, nameBytes, 'label', () => `the name of label ${quote(name)} of ${quote(owner)}`)
    checkText(value, valueBytes, 'label', () => `label ${quote(name)} of ${quote(owner)}`)
  }
}

function checkOrder(before: string, name: string, owner: string): void {
  const order = compareUtf8(before, name)
  if (order < 0) return
  throw new RefusedError(
    'label',
    order === 0
      ? `${quote(owner)} has label ${quote(name)} twice`
      : `the labels of ${quote(owner)} are not sorted at ${quote(name)}; sort them by the bytes of their names`,
  )
}

/** What is refused where it stands in text: NULs, over which parsers stumble, and half characters, which UTF-8 has not. */
const FORBIDDEN = /[\0\p{Surrogate}]/u

function checkText(text: string, limit: number, reason: 'label' | 'layout', where: () => string): void {
  if (FORBIDDEN.test(text)) {
    const what = text.includes('\0') ? 'a NUL byte' : 'half a character (a lone surrogate)'
    throw new RefusedError(reason, `${where()} contains ${what}; remove it`)
  }
  // No character takes more than three bytes for each of its units.
  if (text.length * 3 <= limit) return
  const bytes = Buffer.byteLength(text)
  if (bytes > limit) {
    throw new RefusedError('limit', `${where()} has ${bytes} bytes, over the limit of ${limit}`)
  }
}

function duplicate(family: LayoutFamily, series: LayoutSeries): RefusedError {
  const labels = series.labels.map(({ name, value }) => `${name}=${JSON.stringify(value)}`).join(',')
  const text = `${family.name}${series.suffix}{${labels}}`
  const short = text.length > 300 ? `${text.slice(0, 300)}…` : text
  return new RefusedError('duplicate_series', `${short} comes twice in one snapshot; sum or drop one`)
}
