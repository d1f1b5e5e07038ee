import type { Steps } from '../../shared/base/steps.js'
import { isLegacyMetricName } from '../../shared/exposition/escape.js'
import { latin1 } from '../../shared/exposition/layout-text.js'
import { FormatError } from './format-error.js'
import { SUFFIXES_OF_TYPE } from './series-text.js'
import type { PushedFamily } from './types.js'

const LINE_FEED = 0x0a
const QUOTE = 0x22
const COMMA = 0x2c
const EQUALS = 0x3d
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d

/** What is known of the texts of series that were checked. */
export interface SeriesFacts {
  /** Whether all names are in the legacy character set. */
  readonly isLegacy: boolean
}

const SERIES_PER_STEP = 500
/** More than the highest limit of a gateway: each is compared with those before it. */
const MAX_LABELS = 4000

/**
 * Checks that each text of the family is one of its series as text 1.0.0 writes it, and that there
 * are as many texts as values.
 *
 * @throws FormatError
 */
export function* checkSeries(family: PushedFamily): Steps<SeriesFacts> {
  const { series, values } = family
  const names = sampleNames(family)
  const found = { isLegacy: isLegacyMetricName(family.name) }
  let count = 0
  let at = 0
  while (at < series.length) {
    at = endOfSeries(series, at, names, found)
    if (++count % SERIES_PER_STEP === 0) yield
  }
  if (count !== values.length)
    throw new FormatError(`a family has ${count} series and ${values.length} values`)
  return found
}

/** How the lines of a family begin: with a name before the brace, or with a quoted one in it. */
function sampleNames({ name, type }: PushedFamily): readonly string[] {
  const text = latin1(name)
  return SUFFIXES_OF_TYPE[type].map(suffix =>
    isLegacyMetricName(name + suffix) ? text + suffix : `{"${quoted(text)}${suffix}"`,
  )
}

const quoted = (text: string) =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

/** @returns where the next text begins */
function endOfSeries(
  series: string,
  from: number,
  names: readonly string[],
  found: { isLegacy: boolean },
): number {
  const name = names.find(
    name => series.startsWith(name, from) && !isInName(series, from + name.length),
  )
  if (name === undefined) throw new FormatError('a series has not the name of its family')
  const labels: string[] = []
  let at = from + name.length
  const isQuoted = name.startsWith('{')
  if (!isQuoted) {
    if (series.charCodeAt(at) === LINE_FEED) return at + 1
    if (series.charCodeAt(at++) !== OPEN) throw new FormatError('a series has no brace')
    at = endOfLabel(series, at, found, labels)
  }
  while (series.charCodeAt(at) === COMMA) at = endOfLabel(series, at + 1, found, labels)
  if (series.charCodeAt(at) !== CLOSE || series.charCodeAt(at + 1) !== LINE_FEED)
    throw new FormatError('the labels of a series do not end with a brace')
  return at + 2
}

function isInName(series: string, at: number): boolean {
  const code = series.charCodeAt(at)
  return code !== LINE_FEED && code !== OPEN && code !== COMMA && code !== CLOSE
}

/** Reads `name="value"` or `"name"="value"`. */
function endOfLabel(
  series: string,
  from: number,
  found: { isLegacy: boolean },
  before: string[],
): number {
  let at = from
  if (series.charCodeAt(at) === QUOTE) {
    at = endOfQuoted(series, at)
    found.isLegacy = false
  } else {
    while (isLegacy(series.charCodeAt(at), at === from)) at++
    if (at === from) throw new FormatError('a label of a series has no name')
  }
  addLabel(
    series.charCodeAt(from) === QUOTE ? series.slice(from + 1, at - 1) : series.slice(from, at),
    before,
  )
  if (series.charCodeAt(at) !== EQUALS) throw new FormatError('a label of a series has no value')
  return endOfQuoted(series, at + 1)
}

/** Prometheus refuses a whole scrape for one series that has a label twice. */
function addLabel(name: string, before: string[]): void {
  if (name === '' || name === '__name__' || before.length === MAX_LABELS || before.includes(name))
    throw new FormatError('a series has a label twice, too many labels, or one without a name')
  before.push(name)
}

function endOfQuoted(series: string, from: number): number {
  let at = from
  if (series.charCodeAt(at++) !== QUOTE) throw new FormatError('a label of a series is not quoted')
  for (; at < series.length; at++) {
    const code = series.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === LINE_FEED) break
    if (code === BACKSLASH) {
      const escaped = series[++at]
      if (escaped !== '\\' && escaped !== '"' && escaped !== 'n') break
    }
  }
  throw new FormatError('a quoted text of a series does not end')
}

function isLegacy(code: number, isFirst: boolean): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    code === 0x5f ||
    (!isFirst && code >= 0x30 && code <= 0x39)
  )
}
