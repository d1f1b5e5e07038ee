import type { MetricType, SampleSuffix } from '../model.js'

/**
 * Suffixes of the sample names of each type: OpenMetrics 1.0, section "Suffixes".
 */
export const SUFFIXES_OF_TYPE: Readonly<Record<MetricType, readonly SampleSuffix[]>> = {
  unknown: [''],
  gauge: [''],
  stateset: [''],
  counter: ['_total', '_created'],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  summary: ['', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  info: ['_info'],
}

const NOT_EMPTY: readonly SampleSuffix[] = [
  '_bucket',
  '_sum',
  '_count',
  '_total',
  '_created',
  '_gsum',
  '_gcount',
  '_info',
]

/** The suffix that the name ends with, or none. */
export const suffixOf = (name: string): SampleSuffix =>
  NOT_EMPTY.find(suffix => name.endsWith(suffix)) ?? ''

export const withoutSuffix = (name: string, suffix: SampleSuffix): string =>
  name.slice(0, name.length - suffix.length)
