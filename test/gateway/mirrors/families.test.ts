import { describe, expect, test } from 'vitest'
import { MirrorLayout } from '../../../gateway/mirrors/state/mirror-layout.js'
import { runNow } from '../../../shared/base/steps.js'
import { WRITE_TYPES } from '../../../shared/metrics/remote-write/request.js'
import { seriesIn } from './text.js'

/** Families of series in text, as `type name unit: suffix{labels}, …`. */
function families(text: string, reverse = false): string[] {
  const list = seriesIn(text, 0)
  if (reverse) list.reverse()
  const layout = new MirrorLayout(
    list.map(({ labels: { __name__: name, instance, job, ...rest } }) => {
      const sorted = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))
      return `${name}\0${sorted.map(([label, value]) => `${label}\0${value}\0`).join('')}`
    }),
    list.map(({ type = 'unknown', help = '', unit = '' }) => ({
      type: WRITE_TYPES.indexOf(type),
      help,
      unit,
    })),
  )
  const { families, order } = runNow(layout.families())
  expect([...order].sort((a, b) => a - b)).toEqual(list.map((_, i) => i))
  return families.map(({ name, type, help, series }) => {
    const lines = series.map(({ suffix, labels }) => {
      const text = labels.map(({ name, value }) => `${name}="${value}"`).join(',')
      return `${suffix}{${text}}`
    })
    return `${type} ${name}${help ? ` (${help})` : ''}: ${lines.join(' ')}`
  })
}

describe('families of series', () => {
  test('with metadata are those of their metadata', () => {
    expect(
      families(`
        # TYPE c_total counter
        # HELP c_total Calls.
        # TYPE g gauge
        # TYPE h_bucket histogram
        # TYPE h_sum histogram
        # TYPE h_count histogram
        # TYPE s summary
        # TYPE s_sum summary
        # TYPE s_count summary
        # TYPE i_info info
        # TYPE e stateset
        # TYPE gh_bucket gaugehistogram
        c_total 1
        g 1
        h_bucket{le="+Inf"} 1
        h_bucket{le="10"} 1
        h_bucket{le="2"} 1
        h_count 1
        h_sum 1
        s{quantile="0.9"} 1
        s{quantile="0.5"} 1
        s_sum 1
        s_count 1
        i_info 1
        e 1
        gh_bucket{le="1"} 1`),
    ).toEqual([
      'counter c_total (Calls.): {}',
      'gauge e: {}',
      'gauge g: {}',
      'unknown gh_bucket: {le="1"}',
      'histogram h: _bucket{le="2"} _bucket{le="10"} _bucket{le="+Inf"} _sum{} _count{}',
      'gauge i_info: {}',
      'summary s: {quantile="0.5"} {quantile="0.9"} _sum{} _count{}',
    ])
  })

  test('without metadata are histograms and summaries by le and quantile, else unknown', () => {
    expect(
      families(`
        h_bucket{le="1"} 1
        h_sum 1
        h_count 1
        s{quantile="0.5"} 1
        s_sum 1
        s_count 1
        c_total 1
        lone_sum 1
        odd_bucket{le="x"} 1
        q{quantile="0.5"} 1`),
    ).toEqual([
      'unknown c_total: {}',
      'histogram h: _bucket{le="1"} _sum{} _count{}',
      'unknown lone_sum: {}',
      'unknown odd_bucket: {le="x"}',
      'unknown q: {quantile="0.5"}',
      'summary s: {quantile="0.5"} _sum{} _count{}',
    ])
  })

  test('a series with the name of a histogram keeps the series apart', () => {
    expect(families('h 1\nh_bucket{le="1"} 1\nh_sum 1')).toEqual([
      'unknown h: {}',
      'unknown h_bucket: {le="1"}',
      'unknown h_sum: {}',
    ])
  })

  test('do not depend on the order of arrival', () => {
    const text = `
      b{l="2"} 1
      b{l="1"} 1
      h_bucket{a="2",le="1"} 1
      h_bucket{a="1",le="1"} 1
      h_sum{a="1"} 1
      a 1`
    expect(families(text, true)).toEqual(families(text))
  })
})
