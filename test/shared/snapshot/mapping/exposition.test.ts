import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFloatText } from '../../../../shared/metrics/float-text.js'
import { openMetricsFloat } from '../../../../shared/metrics/go-float.js'
import type { Layout } from '../../../../shared/metrics/layout.js'
import {
  type Family,
  type Label,
  METRIC_TYPES,
  type MetricType,
  SAMPLE_SUFFIXES,
} from '../../../../shared/metrics/model.js'
import { validateLayout } from '../../../../shared/snapshot/validate.js'
import { described, family, mappingOf, type SeriesSpec } from './expositions.js'

/** Maps families and validates the layout as an exposer does. */
function accepted(...families: readonly Family[]) {
  const mapping = mappingOf(...families)
  validateLayout(mapping.layout)
  return { ...described(mapping), mapping }
}

const BUCKETS: readonly SeriesSpec[] = [
  ['_bucket', { le: '1.0' }],
  ['_bucket', { le: '+Inf' }],
  ['_sum'],
  ['_count'],
]

describe('the table of docs/mapping.md', () => {
  test.each<[string, Family, Record<string, string>, string[]]>([
    ['a counter of text', family('hits_total', 'counter'), { hits: 'counter' }, ['hits_total{}']],
    [
      'a counter of OpenMetrics',
      family('hits', 'counter', [['_total']]),
      { hits: 'counter' },
      ['hits_total{}'],
    ],
    ['a counter without _total', family('hits', 'counter'), { hits: 'counter' }, ['hits{}']],
    [
      'a counter named _total twice',
      family('hits_total_total', 'counter'),
      { hits_total_total: 'unknown' },
      ['hits_total_total{}'],
    ],
    [
      'a counter of OpenMetrics whose family is named _total',
      family('hits_total', 'counter', [['_total']]),
      { hits_total_total: 'unknown' },
      ['hits_total_total{}'],
    ],
    ['a counter named _total', family('_total', 'counter'), { _total: 'unknown' }, ['_total{}']],
    ['a gauge', family('depth', 'gauge'), { depth: 'gauge' }, ['depth{}']],
    ['unknown', family('depth_total', 'unknown'), { depth_total: 'unknown' }, ['depth_total{}']],
    [
      'a histogram, with canonical le',
      family('h', 'histogram', [...BUCKETS.slice(1), ['_bucket', { le: '1e-07' }]]),
      { h: 'histogram' },
      ['h_bucket{le="+Inf"}', 'h_sum{}', 'h_count{}', 'h_bucket{le="1e-7"}'],
    ],
    [
      'a summary, with canonical quantile',
      family('s', 'summary', [['', { quantile: '0.50' }], ['_sum'], ['_count']]),
      { s: 'summary' },
      ['s{quantile="0.5"}', 's_sum{}', 's_count{}'],
    ],
    [
      'a gauge histogram, with le unchanged',
      family('g', 'gaugehistogram', [['_bucket', { le: '1.0' }], ['_gcount'], ['_gsum']]),
      { g_bucket: 'unknown', g_gcount: 'unknown', g_gsum: 'unknown' },
      ['g_bucket{le="1.0"}', 'g_gcount{}', 'g_gsum{}'],
    ],
    [
      'info',
      family('build', 'info', [['_info', { version: '1' }]]),
      { build_info: 'gauge' },
      ['build_info{version="1"}'],
    ],
    [
      'a state set',
      family('state', 'stateset', [
        ['', { state: 'on' }],
        ['', { state: 'off' }],
      ]),
      { state: 'gauge' },
      ['state{state="on"}', 'state{state="off"}'],
    ],
    [
      'the creation time of a counter',
      family('hits', 'counter', [['_total'], ['_created']]),
      { hits: 'counter', hits_created: 'unknown' },
      ['hits_total{}', 'hits_created{}'],
    ],
    [
      'the creation time of a histogram',
      family('h', 'histogram', [...BUCKETS, ['_created', { a: 'b' }]]),
      { h: 'histogram', h_created: 'unknown' },
      ['h_bucket{le="1"}', 'h_bucket{le="+Inf"}', 'h_sum{}', 'h_count{}', 'h_created{a="b"}'],
    ],
  ])('%s', (_, given, types, series) => {
    const { dropped, ...mapped } = accepted(given)
    expect(mapped).toMatchObject({ types, series, droppedSeries: {} })
    expect(dropped).toEqual({})
  })

  test('a histogram with an unexpected series is mapped by sample name, with le as Prometheus stores it', () => {
    const odd: SeriesSpec[] = [
      [''],
      ['_bucket', { le: 'x' }],
      ['_bucket', {}],
      ['_total'],
      ['_bucket', { le: '1e999' }],
    ]
    for (const one of odd) {
      const { types, series, dropped } = accepted(
        family('h', 'histogram', [
          ['_bucket', { le: '1' }],
          ['_bucket', { le: '.5' }],
          one,
          ['_count'],
        ]),
      )
      expect(new Set(Object.values(types))).toEqual(new Set(['unknown']))
      expect(series).toContain('h_bucket{le="1.0"}')
      expect(series).toContain('h_bucket{le="0.5"}')
      expect(series).toHaveLength(4)
      expect(dropped).toEqual({})
    }
  })

  test('a summary with a series without quantile is mapped by sample name', () => {
    expect(
      accepted(family('s', 'summary', [['', { quantile: '1' }], ['', { a: 'b' }], ['_sum']])),
    ).toMatchObject({
      types: { s: 'unknown', s_sum: 'unknown' },
      series: ['s{quantile="1.0"}', 's{a="b"}', 's_sum{}'],
    })
  })

  test('le of a creation time of a histogram is spelled as Prometheus stores it, quantile is unchanged', () => {
    expect(
      accepted(family('h', 'histogram', [['_created', { le: '1', quantile: '1' }]])).series,
    ).toEqual(['h_created{le="1.0",quantile="1"}'])
  })

  test('help is kept except for creation times, units are kept with the name of the family', () => {
    const { mapping } = accepted(
      family('waited_seconds', 'counter', [['_total'], ['_created']], {
        help: 'Waited.',
        unit: 'seconds',
      }),
      family('held_bytes', 'gaugehistogram', [['_gsum'], ['_gcount']], {
        help: 'Held.',
        unit: 'bytes',
      }),
    )
    expect(mapping.layout.families.map(({ name, help, unit }) => [name, help, unit])).toEqual([
      ['held_bytes_gcount', 'Held.', ''],
      ['held_bytes_gsum', 'Held.', ''],
      ['waited_seconds', 'Waited.', 'seconds'],
      ['waited_seconds_created', '', ''],
    ])
  })
})

describe('le and quantile', () => {
  test.each<MetricType>(['gauge', 'counter', 'unknown', 'stateset'])(
    'of a %s are ordinary labels: 1 and 1.0 are two series',
    type => {
      expect(
        accepted(
          family('x', type, [
            ['', { le: '1' }],
            ['', { le: '1.0' }],
            ['', { quantile: 'high' }],
          ]),
        ).series,
      ).toEqual(['x{le="1"}', 'x{le="1.0"}', 'x{quantile="high"}'])
    },
  )

  test('of a histogram in different spellings are the same series, and the first one is kept', () => {
    expect(
      accepted(
        family('h', 'histogram', [
          ['_bucket', { le: '1' }],
          ['_bucket', { le: '1.0' }],
        ]),
      ),
    ).toMatchObject({
      series: ['h_bucket{le="1"}'],
      droppedSeries: { duplicate_series: 1 },
    })
  })
})

describe('names', () => {
  test('conflict as they are exposed, also with sample names', () => {
    const { types, series } = accepted(
      family('hits_total', 'counter'),
      family('hits', 'gauge'),
      family('h_count_total', 'counter'),
      family('h', 'histogram', BUCKETS),
      family('build_info_total', 'counter'),
      family('build', 'info', [['_info']]),
      family('free_total', 'counter'),
    )
    expect(types).toMatchObject({
      hits: 'gauge',
      hits_total: 'unknown',
      h: 'histogram',
      h_count_total: 'unknown',
      build_info: 'gauge',
      build_info_total: 'unknown',
      free: 'counter',
    })
    for (const name of [
      'hits_total{}',
      'hits{}',
      'h_count_total{}',
      'build_info_total{}',
      'free_total{}',
    ])
      expect(series).toContain(name)
  })

  test('that two families of one type share are one family', () => {
    expect(
      accepted(family('x', 'gauge', [['', { a: '1' }]]), family('x', 'gauge', [['', { a: '2' }]]))
        .series,
    ).toEqual(['x{a="1"}', 'x{a="2"}'])
  })

  test('determine the order of families, and `order` maps each value to its series', () => {
    const { series, mapping } = accepted(
      family('b', 'counter', [
        ['_total', { i: '0' }],
        ['_created', { i: '0' }],
        ['_total', { i: '1' }],
      ]),
      family('a', 'gauge'),
    )
    expect(series).toEqual(['a{}', 'b_total{i="0"}', 'b_total{i="1"}', 'b_created{i="0"}'])
    expect([...mapping.order]).toEqual([1, 3, 2, 0])
  })

  test('of runtimes come first, where the dictionary of layouts reaches them', () => {
    const names = ['processed', 'nodejs_version_info', 'a', 'process_open_fds', 'go']
    const { series } = accepted(...names.map(name => family(name, 'gauge')))
    expect(series).toEqual(
      ['nodejs_version_info', 'process_open_fds', 'a', 'go', 'processed'].map(name => `${name}{}`),
    )
  })

  test('of families without series are dropped', () => {
    expect(accepted(family('later', 'gauge', [])).types).toEqual({})
  })
})

describe('what an exposer would refuse is dropped, reported and counted, and the rest is kept', () => {
  const long = 'x'.repeat(5000)
  test.each<[string, Family[], string, RegExp, string]>([
    ['a name with a NUL', [family('a\0b', 'gauge')], 'a\0b', /NUL/, 'layout'],
    ['an empty name', [family('', 'gauge')], '', /no name/, 'layout'],
    [
      'a name that is too long',
      [family(long, 'gauge')],
      long,
      /has more than [0-9]+ bytes/,
      'limit',
    ],
    [
      'a reserved label',
      [family('bad', 'gauge', [['', { __a: 'x' }]])],
      'bad',
      /"__a" is reserved/,
      'reserved',
    ],
    [
      'a label name with a NUL',
      [family('bad', 'gauge', [['', { 'a\0': 'x' }]])],
      'bad',
      /NUL/,
      'label',
    ],
    [
      'a label value that is too long',
      [family('bad', 'gauge', [['', { a: long }]])],
      'bad',
      /has more than [0-9]+ bytes/,
      'limit',
    ],
    [
      'too many labels',
      [
        family('bad', 'gauge', [
          ['', Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 'x']))],
        ]),
      ],
      'bad',
      /more than 64 labels/,
      'limit',
    ],
    [
      'a series twice',
      [family('bad', 'gauge', [[''], ['', { a: '' }]])],
      'bad',
      /appears twice/,
      'duplicate_series',
    ],
    [
      'a gauge with the name of a series of a histogram',
      [family('h', 'histogram', BUCKETS), family('h_count', 'gauge')],
      'h_count',
      /metric h has series with the name h_count/,
      'duplicate_series',
    ],
    [
      'a family with the same name and another type',
      [family('x', 'gauge'), family('x', 'histogram', BUCKETS.slice(0, 1))],
      'x',
      /another type/,
      'layout',
    ],
  ])('%s', (_, families, name, why, reason) => {
    const { series, dropped, droppedSeries } = accepted(...families, family('good', 'gauge'))
    expect(series).toContain('good{}')
    expect(Object.keys(dropped)).toEqual([name])
    expect(dropped[name]).toMatch(why)
    expect(droppedSeries).toEqual({ [reason]: 1 })
  })

  test('a duplicate label', () => {
    const label = { name: 'a', value: '1' }
    const twice = {
      ...family('bad', 'gauge'),
      series: [{ suffix: '' as const, labels: [label, { ...label }] }],
    }
    expect(accepted(twice, family('good', 'gauge'))).toMatchObject({
      series: ['good{}'],
      dropped: { bad: 'a series has label a twice; remove one' },
      droppedSeries: { label: 1 },
    })
  })

  test('series beyond 50,000, all of them counted', () => {
    const many = family(
      'many',
      'gauge',
      Array.from({ length: 50_003 }, (_, i) => ['', { i: String(i) }]),
    )
    expect(accepted(many)).toMatchObject({
      dropped: { many: expect.stringMatching(/more than 50000 series/) },
      droppedSeries: { limit: 3 },
    })
  })

  test('a family whose labels exceed the size of a layout, with all its series', () => {
    const wide = Object.fromEntries(
      Array.from({ length: 50 }, (_, i) => [`label_${i}`, 'x'.repeat(4000)]),
    )
    const huge = family(
      'huge',
      'gauge',
      Array.from({ length: 100 }, (_, i) => ['', { ...wide, i: `${i}` }]),
    )
    expect(accepted(huge, family('good', 'gauge'))).toMatchObject({
      series: ['good{}'],
      dropped: { huge: 'its labels take more than 8388608 bytes; use fewer or shorter labels' },
      droppedSeries: { limit: 100 },
    })
  })

  test('lone surrogates and NULs in values are replaced, and help texts cut, to what a record can hold', () => {
    const { mapping } = accepted(
      family('x', 'gauge', [['', { a: 'b\0c\ud800' }]], { help: '🐢'.repeat(5000), unit: 'x\0' }),
    )
    const [{ series, help, unit }] = mapping.layout.families
    expect(series[0].labels).toEqual([{ name: 'a', value: 'b\ufffdc\ufffd' }])
    expect(Buffer.byteLength(help)).toBeLessThanOrEqual(4096)
    expect(unit).toBe('')
  })
})

/** Index in the source of each series, by the name and labels with which Prometheus 3 stores it. */
type Stored = Map<string, number>

const line = (name: string, labels: readonly Label[], type: string): string => {
  const number = type === 'histogram' ? 'le' : type === 'summary' ? 'quantile' : undefined
  const stored = labels
    .filter(({ value }) => value !== '')
    .map(({ name, value }) => [
      name,
      name === number && isFloatText(value)
        ? openMetricsFloat(Number(value.replace(/inf$/i, 'Infinity')))
        : value,
    ])
  return JSON.stringify([name, stored])
}

/** Series of a page: the first of two equal series counts. */
function storedOf(families: readonly Family[]): Stored {
  const stored: Stored = new Map()
  let at = 0
  for (const { name, type, series } of families)
    for (const { suffix, labels } of series) {
      const text = line(name + suffix, labels, type)
      if (!stored.has(text)) stored.set(text, at)
      at++
    }
  return stored
}

/** Series of a layout as an exposer writes them. */
function writtenOf({ families }: Layout, order: Int32Array): Stored {
  const source = new Map([...order].map((place, at) => [place, at]))
  const stored: Stored = new Map()
  let place = 0
  for (const { name, type, series } of families)
    for (const { suffix, labels } of series)
      stored.set(line(name + suffix, labels, type), source.get(place++)!)
  return stored
}

test('for any page, Prometheus stores the same series from the page and from the record, except dropped ones', () => {
  const number = fc.constantFrom('1', '1.0', '0.5', '+Inf', '1e-07', 'x', '', 'NaN')
  const labels = fc.record(
    { le: number, quantile: number, a: fc.constantFrom('1', '', 'b'), __b: fc.constant('c') },
    { requiredKeys: [] },
  )
  const often = fc.constantFrom<readonly string[]>(['le'], ['quantile'], ['a'], [])
  const series = fc
    .tuple(fc.constantFrom(...SAMPLE_SUFFIXES), labels, often)
    .map(
      ([suffix, all, names]): SeriesSpec => [
        suffix,
        Object.fromEntries(
          Object.entries(all).filter(([name]) => names.includes(name) || name === '__b'),
        ),
      ],
    )
  const name = fc.constantFrom(
    'a',
    'a_total',
    'a_total_total',
    'a_count',
    'a_bucket',
    'a_info',
    'a_created',
    '_total',
  )
  const page = fc.array(
    fc
      .tuple(name, fc.constantFrom(...METRIC_TYPES), fc.array(series, { maxLength: 5 }))
      .map(([name, type, list]) => family(name, type, list)),
    { maxLength: 4 },
  )
  fc.assert(
    fc.property(page, families => {
      const mapping = mappingOf(...families)
      validateLayout(mapping.layout)
      const stored = storedOf(families)
      const written = writtenOf(mapping.layout, mapping.order)
      const left = [...mapping.order].filter(place => place < 0).length
      expect([...mapping.droppedSeries.values()].reduce((sum, count) => sum + count, 0)).toBe(left)
      expect(mapping.dropped.size > 0).toBe(left > 0)
      const places = [...mapping.order].filter(place => place >= 0).sort((a, b) => a - b)
      expect(places).toEqual(Array.from({ length: mapping.series }, (_, i) => i))
      if (left === 0) expect(written).toEqual(stored)
      else for (const text of written.keys()) expect(stored.has(text)).toBe(true)
    }),
    { numRuns: 1000 },
  )
})
