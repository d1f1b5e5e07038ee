import { labelText, nameText } from '../../shared/exposition/layout-text.js'
import { parseSeriesText } from '../../shared/exposition/parse-series.js'
import type { Label } from '../../shared/metrics/model.js'
import type { PushedFamily, PushedType } from './types.js'

/** Suffixes that the samples of a family can add to its name. */
export const SUFFIXES_OF_TYPE: Readonly<Record<PushedType, readonly string[]>> = {
  unknown: [''],
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
}

/** What a sample can add to the name of its family. */
export const SAMPLE_SUFFIX = /_(?:bucket|sum|count)$/

/** The text whose UTF-8 bytes these latin1 characters are. */
export const utf8Of = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8')

/**
 * The text of a series before its value, in Unicode characters.
 *
 * @param labels sorted by name
 */
export function seriesText(name: string, labels: readonly Label[]): string {
  const texts = labels.map(label => labelText(label, 'allow-utf-8'))
  const { text, quoted } = nameText(name, 'allow-utf-8')
  if (quoted) return `{${[text, ...texts].join(',')}}`
  return texts.length ? `${text}{${texts.join(',')}}` : text
}

/** A sample of a family. */
export interface Sample {
  readonly name: string
  readonly labels: readonly Label[]
  readonly value: number
}

/** The samples of a family, one at a time. */
export function* samplesOf(family: Pick<PushedFamily, 'series' | 'values'>): Generator<Sample> {
  let i = 0
  for (const text of textsOf(family)) yield { ...parseSeries(text), value: family.values[i++] }
}

/** The texts of the series of a family. */
export function* textsOf(family: Pick<PushedFamily, 'series'>): Generator<string> {
  const { series } = family
  for (let from = 0; from < series.length; ) {
    const to = series.indexOf('\n', from)
    yield series.slice(from, to)
    from = to + 1
  }
}

/** Reads the text of a series in latin1 characters, as a push and a view have it. */
export const parseSeries = (latin1: string) => parseSeriesText(utf8Of(latin1))
