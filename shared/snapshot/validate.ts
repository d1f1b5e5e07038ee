import { quote } from '../base/quote.js'
import { runNow, type Steps } from '../base/steps.js'
import { isFloatText } from '../metrics/float-text.js'
import { compareUtf8 } from '../metrics/labels.js'
import type { Layout, LayoutFamily, LayoutSeries } from '../metrics/layout.js'
import { numberLabelOf, SUFFIXES_OF } from '../metrics/layout.js'
import { DEFAULT_LIMITS, type Limits } from '../metrics/limits.js'
import type { Label } from '../metrics/model.js'
import { RefusedError } from './errors.js'
import { SeriesSet } from './series-set.js'

/** The job of the exposers. */
const RESERVED_JOB = 'kafka-exposer'

/**
 * Checks a target: in producers before writing, in shards after reading.
 *
 * @throws RefusedError (`label`, `reserved`, `limit`)
 */
export function validateTarget(target: readonly Label[], limits: Limits = DEFAULT_LIMITS): void {
  new LabelChecker(limits).check(target, 'the target')
  const job = target.find(label => label.name === 'job')
  if (!job?.value) throw new RefusedError('label', 'the target has no job; add the label job')
  if (job.value === RESERVED_JOB) {
    throw new RefusedError(
      'reserved',
      `job ${quote(RESERVED_JOB)} is reserved for exposers; choose another name`,
    )
  }
  const empty = target.find(label => label.value === '')
  if (empty) {
    throw new RefusedError('label', `label ${quote(empty.name)} of the target is empty; omit it`)
  }
}

/** Labels per step, and texts of so many characters count as one. */
const CHECKED_PER_STEP = 3000
const CHARACTERS_PER_LABEL = 64

/**
 * Checks the rules for layouts that go beyond the Avro schema.
 *
 * @throws RefusedError (`layout`, `label`, `reserved`, `duplicate_series`, `limit`)
 */
export function* validateLayoutSteps(layout: Layout, limits: Limits = DEFAULT_LIMITS): Steps<void> {
  const count = layout.families.reduce((sum, family) => sum + family.series.length, 0)
  if (count > limits.samples) {
    throw new RefusedError(
      'limit',
      `${count} series are over the limit of ${limits.samples}; expose fewer`,
    )
  }
  const names = new Set<string>()
  const seen = new SeriesSet(count)
  const labels = new LabelChecker(limits)
  let work = 0
  for (const family of layout.families) {
    checkFamily(family, limits)
    if (names.has(family.name)) {
      throw new RefusedError(
        'layout',
        `family ${quote(family.name)} appears twice; write all its series into one family`,
      )
    }
    names.add(family.name)
    work += 4 + (family.name.length + family.help.length) / CHARACTERS_PER_LABEL
    // One string for all series with that suffix: it is compared and hashed for each of them.
    const owner = `family ${quote(family.name)}`
    const sampleNames = new Map(
      SUFFIXES_OF[family.type].map(suffix => [suffix, family.name + suffix]),
    )
    for (const series of family.series) {
      checkSuffix(family, series)
      work += 1 + labels.check(series.labels, owner)
      checkNumberLabel(family, series)
      if (!seen.add(sampleNames.get(series.suffix)!, series.labels)) throw duplicate(family, series)
      if (work < CHECKED_PER_STEP) continue
      work = 0
      yield
    }
    if (work < CHECKED_PER_STEP) continue
    work = 0
    yield
  }
}

/** As `validateLayoutSteps`, at once. */
export function validateLayout(layout: Layout, limits?: Limits): void {
  runNow(validateLayoutSteps(layout, limits))
}

/**
 * Names of the samples of a layout. Parts of one snapshot must not share any, because duplicate
 * series are detected within a part only: a snapshot is split between families.
 */
export function sampleNames(layout: Layout): Set<string> {
  const names = new Set<string>()
  for (const { name, series } of layout.families)
    for (const { suffix } of series) names.add(name + suffix)
  return names
}

/** @throws RefusedError (`duplicate_series`) if parts of one snapshot share the name of a sample */
export function validateParts(parts: readonly ReadonlySet<string>[]): void {
  const all = new Set<string>()
  for (const names of parts) {
    for (const name of names) {
      if (all.has(name)) {
        throw new RefusedError(
          'duplicate_series',
          `samples named ${quote(name)} are in two parts of one snapshot; split between families`,
        )
      }
      all.add(name)
    }
  }
}

function checkFamily({ name, type, help, unit }: LayoutFamily, limits: Limits): void {
  if (name === '') throw new RefusedError('layout', 'a family has no name; name it')
  if (type === 'counter' && name.endsWith('_total')) {
    throw new RefusedError(
      'layout',
      `the name of counter family ${quote(name)} ends in _total; write _total into the suffix of its series`,
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
    `${family.type} ${quote(family.name)} has a series with suffix ${quote(series.suffix)}; use ${allowed.map(quote).join(', ')}`,
  )
}

function checkNumberLabel(family: LayoutFamily, series: LayoutSeries): void {
  const name = numberLabelOf(family.type, series.suffix)
  if (!name) return
  const value = series.labels.find(label => label.name === name)?.value
  if (value !== undefined && isFloatText(value)) return
  throw new RefusedError(
    'label',
    `${family.type} ${quote(family.name)} has a series ${value === undefined ? `without label ${name}` : `with ${name} ${quote(value)}`}; set ${name} to a number`,
  )
}

/** Maximum number of labels that are remembered as checked. */
const MAX_CHECKED = 16 * 1024

/**
 * Checks lists of labels. `decodeLayout` returns equal labels as one object, so remembering the
 * checked objects saves most of the work.
 */
class LabelChecker {
  readonly #checked = new Set<Label>()
  #previous: readonly Label[] = []

  constructor(private readonly limits: Limits) {}

  /**
   * @param owner description for messages, such as `family "x"`
   * @returns the work that this took: 1 for each label, and more for long ones
   */
  check(labels: readonly Label[], owner: string): number {
    if (labels.length > this.limits.labels) {
      throw new RefusedError(
        'limit',
        `${owner} has ${labels.length} labels, over the limit of ${this.limits.labels}; remove some`,
      )
    }
    const previous = this.#previous
    let sameBefore = true
    let work = labels.length
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]
      const same = label === previous[i]
      if (!same && !this.#checked.has(label)) {
        this.#checkLabel(label, owner)
        work += (label.name.length + label.value.length) / CHARACTERS_PER_LABEL
        if (this.#checked.size < MAX_CHECKED) this.#checked.add(label)
      }
      if (i > 0 && !(same && sameBefore)) checkOrder(labels[i - 1].name, label.name, owner)
      sameBefore = same
    }
    this.#previous = labels
    return work
  }

  #checkLabel({ name, value }: Label, owner: string): void {
    if (name === '') throw new RefusedError('label', `${owner} has a label without a name; name it`)
    if (name.startsWith('__')) {
      throw new RefusedError(
        'reserved',
        `label ${quote(name)} of ${owner} begins with __, which Prometheus reserves; rename it`,
      )
    }
    const { nameBytes, valueBytes } = this.limits
    checkText(name, nameBytes, 'label', () => `the name of label ${quote(name)} of ${owner}`)
    checkText(value, valueBytes, 'label', () => `label ${quote(name)} of ${owner}`)
  }
}

function checkOrder(before: string, name: string, owner: string): void {
  const order = compareUtf8(before, name)
  if (order < 0) return
  throw new RefusedError(
    'label',
    order === 0
      ? `${owner} has label ${quote(name)} twice; remove one`
      : `the labels of ${owner} are not sorted, ${quote(name)} comes after ${quote(before)}; sort them by the UTF-8 bytes of their names`,
  )
}

/**
 * Refused in any text: NULs, which break parsers, and lone surrogates, which UTF-8 cannot encode.
 */
const FORBIDDEN = /[\0\p{Surrogate}]/u

function checkText(
  text: string,
  limit: number,
  reason: 'label' | 'layout',
  where: () => string,
): void {
  if (FORBIDDEN.test(text)) {
    const what = text.includes('\0') ? 'a NUL byte' : 'a lone surrogate'
    throw new RefusedError(reason, `${where()} contains ${what}; remove it`)
  }
  // A UTF-16 unit needs three bytes at most.
  if (text.length * 3 <= limit) return
  const bytes = Buffer.byteLength(text)
  if (bytes > limit) {
    throw new RefusedError(
      'limit',
      `${where()} has ${bytes} bytes, over the limit of ${limit}; shorten it`,
    )
  }
}

function duplicate(family: LayoutFamily, series: LayoutSeries): RefusedError {
  const labels = series.labels
    .map(({ name, value }) => `${name}=${JSON.stringify(value)}`)
    .join(',')
  const text = `${family.name}${series.suffix}{${labels}}`
  const short = text.length > 300 ? `${text.slice(0, 300)}…` : text
  return new RefusedError(
    'duplicate_series',
    `${short} appears twice in one snapshot; sum both, or remove one`,
  )
}
