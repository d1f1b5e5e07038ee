import fc from 'fast-check'
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client'
import { describe, expect, test } from 'vitest'
import type { MetricJson } from '../../../../shared/metrics/prom-client/metric-json.js'
import { validateLayout } from '../../../../shared/snapshot/validate.js'
import { layoutOf, seriesOf } from '../../../producer/sampled.js'

const metric = (
  name: string,
  type: string,
  ...values: MetricJson['values'] & object
): MetricJson => ({
  name,
  type,
  help: `help of ${name}`,
  values,
})
const one = (labels: Record<string, unknown> = {}, metricName?: string) => ({
  value: 1,
  labels,
  metricName,
})

/** Maps metrics and validates the layout as an exposer does. */
function accepted(metrics: readonly MetricJson[]) {
  const { layout, dropped, order } = layoutOf(metrics)
  validateLayout(layout)
  return { layout, series: seriesOf([layout]), dropped: Object.fromEntries(dropped), order }
}

describe('families', () => {
  test('of each prom-client type have the names, suffixes and labels of a direct scrape', async () => {
    const register = new Registry()
    const registers = [register]
    new Counter({ name: 'orders_total', help: 'Orders.', labelNames: ['zone'], registers }).inc({
      zone: 'eu',
    })
    new Gauge({ name: 'queue_depth', help: 'Waiting.', registers }).set(3)
    new Histogram({ name: 'took_seconds', help: 'Time.', buckets: [0.1, 1], registers }).observe(
      0.5,
    )
    new Summary({ name: 'size_bytes', help: 'Size.', percentiles: [0.5, 0.99], registers }).observe(
      7,
    )
    const { layout, series, dropped } = accepted(
      (await register.getMetricsAsJSON()) as MetricJson[],
    )
    expect(layout.families.map(({ name, type, help }) => [name, type, help])).toEqual([
      ['orders', 'counter', 'Orders.'],
      ['queue_depth', 'gauge', 'Waiting.'],
      ['size_bytes', 'summary', 'Size.'],
      ['took_seconds', 'histogram', 'Time.'],
    ])
    expect(series).toEqual([
      'orders_total{zone="eu"}',
      'queue_depth{}',
      'size_bytes{quantile="0.5"}',
      'size_bytes{quantile="0.99"}',
      'size_bytes_sum{}',
      'size_bytes_count{}',
      'took_seconds_bucket{le="0.1"}',
      'took_seconds_bucket{le="1"}',
      'took_seconds_bucket{le="+Inf"}',
      'took_seconds_sum{}',
      'took_seconds_count{}',
    ])
    expect(dropped).toEqual({})
  })

  test('are sorted, and `order` maps each value to its series', () => {
    const { series, order } = accepted([
      metric('b', 'gauge', one({ i: '0' }), one({ i: '1' })),
      metric('a', 'gauge', one()),
    ])
    expect(series).toEqual(['a{}', 'b{i="0"}', 'b{i="1"}'])
    expect([...order]).toEqual([1, 2, 0])
  })

  test('with the same name in several registries become one', () => {
    const { series } = accepted([
      metric('up', 'gauge', one({ part: 'a' })),
      metric('up', 'gauge', one({ part: 'b' })),
    ])
    expect(series).toEqual(['up{part="a"}', 'up{part="b"}'])
  })

  test('of an unknown type are published without a type', () => {
    expect(accepted([metric('x', 'info', one())]).layout.families[0].type).toBe('unknown')
  })
})

describe('a counter', () => {
  test('without _total keeps its name', () => {
    expect(accepted([metric('hits', 'counter', one())])).toMatchObject({
      series: ['hits{}'],
      layout: { families: [{ name: 'hits', type: 'counter' }] },
    })
  })

  test.each([
    ['jobs_total', [metric('jobs', 'gauge', one())]],
    ['_total', []],
    ['jobs_total_total', []],
  ])('%s keeps its full name if its family cannot have the short one', (name, others) => {
    const { series, dropped } = accepted([metric(name, 'counter', one()), ...others])
    expect(series).toContain(`${name}{}`)
    expect(dropped).toEqual({})
  })
})

describe('labels', () => {
  test.each([
    ['quotes, backslashes and line feeds', 'a"b\\c\nd'],
    ['emoji and other scripts', '🐢 ελλάδα 日本'],
    ['an empty value', ''],
  ])('with %s are published unchanged', (_, value) => {
    expect(
      accepted([metric('x', 'gauge', one({ l: value }))]).layout.families[0].series[0].labels,
    ).toEqual([{ name: 'l', value }])
  })

  test.each([
    ['a number', 5, '5'],
    ['a boolean', true, 'true'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a lone surrogate', 'a\ud800b', 'a\ufffdb'],
    ['a NUL', 'a\0b', 'a\ufffdb'],
    ['an object that cannot be text', Object.create(null), ''],
  ])('that are %s become text', (_, value, text) => {
    const { layout } = accepted([metric('x', 'gauge', one({ l: value }))])
    expect(layout.families[0].series[0].labels[0].value).toBe(text)
  })

  test('are sorted by the bytes of their names', () => {
    const { series } = accepted([
      metric('x', 'gauge', one({ b: '2', '\u{10000}': '4', a: '1', '\uffee': '3' })),
    ])
    expect(series).toEqual(['x{a="1",b="2",\uffee="3",\u{10000}="4"}'])
  })

  test('le and quantile are canonical', () => {
    const { series } = accepted([
      metric('h', 'histogram', one({ le: '1.0' }, 'h_bucket'), one({ le: Infinity }, 'h_bucket')),
      metric('s', 'summary', one({ quantile: '.5' })),
    ])
    expect(series).toEqual(['h_bucket{le="1"}', 'h_bucket{le="+Inf"}', 's{quantile="0.5"}'])
  })

  test('a long help text is cut, and the metric is kept', () => {
    const help = '🐢'.repeat(5000)
    const { layout } = accepted([{ ...metric('x', 'gauge', one()), help }])
    expect(Buffer.byteLength(layout.families[0].help)).toBeLessThanOrEqual(4096)
    expect(layout.families[0].help.length).toBeGreaterThan(1000)
  })
})

describe('what an exposer would refuse is dropped and reported, and the rest is published', () => {
  const good = metric('good', 'gauge', one())
  const long = 'x'.repeat(5000)
  test.each<[string, MetricJson, RegExp]>([
    ['a metric without a name', metric('', 'gauge', one()), /no name/],
    ['a name with a NUL', metric('a\0b', 'gauge', one()), /NUL/],
    ['a name with a lone surrogate', metric('a\udc00', 'gauge', one()), /lone surrogate/],
    ['a name that is too long', metric(long, 'gauge', one()), /has more than [0-9]+ bytes/],
    ['a series twice', metric('bad', 'gauge', one({ a: '1' }), one({ a: '1' })), /appears twice/],
    [
      'a series twice, once with an empty label',
      metric('bad', 'gauge', one(), one({ a: '' })),
      /appears twice/,
    ],
    ['a reserved label', metric('bad', 'gauge', one({ __name__: 'x' })), /"__name__" is reserved/],
    ['a label without a name', metric('bad', 'gauge', one({ '': 'x' })), /reserved/],
    ['a label name with a NUL', metric('bad', 'gauge', one({ 'a\0': 'x' })), /NUL/],
    [
      'a label name that is too long',
      metric('bad', 'gauge', one({ [long]: 'x' })),
      /has more than [0-9]+ bytes/,
    ],
    [
      'a label value that is too long',
      metric('bad', 'gauge', one({ a: long })),
      /the value of label a has more than 4096 bytes/,
    ],
    [
      'too many labels',
      metric(
        'bad',
        'gauge',
        one(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 'x']))),
      ),
      /more than 64 labels/,
    ],
    [
      'a bucket without le',
      metric('bad', 'histogram', one({}, 'bad_bucket')),
      /no number in label le/,
    ],
    [
      'a bucket whose le is a word',
      metric('bad', 'histogram', one({ le: 'big' }, 'bad_bucket')),
      /no number in label le/,
    ],
    [
      'a quantile that is a word',
      metric('bad', 'summary', one({ quantile: 'most' })),
      /no number in label quantile/,
    ],
    [
      'a histogram’s series without suffix',
      metric('bad', 'histogram', one({ le: '1' })),
      /without suffix/,
    ],
    [
      'a summary’s bucket',
      metric('bad', 'summary', one({ le: '1' }, 'bad_bucket')),
      /bad_bucket is not valid in a summary/,
    ],
    [
      'a gauge’s sum',
      metric('bad', 'gauge', one({}, 'bad_sum')),
      /bad_sum is not valid in a gauge/,
    ],
  ])('%s', (_, bad, why) => {
    const { series, dropped } = accepted([bad, good])
    expect(series).toContain('good{}')
    expect(dropped[bad.name]).toMatch(why)
    expect(dropped).not.toHaveProperty('good')
  })

  test('of two metrics with one name and different types, the first is kept', () => {
    const { series, dropped } = accepted([
      metric('x', 'gauge', one({ a: '1' })),
      metric('x', 'counter', one({ a: '2' })),
    ])
    expect(series).toEqual(['x{a="1"}'])
    expect(dropped.x).toMatch(/another type/)
  })

  test('a gauge with the name of a series of a histogram, which may be in another part', () => {
    const { series, dropped } = accepted([
      metric('h', 'histogram', one({ le: '1' }, 'h_bucket'), one({}, 'h_sum'), one({}, 'h_count')),
      metric('h_count', 'gauge', one({ a: '1' })),
    ])
    expect(series).toEqual(['h_bucket{le="1"}', 'h_sum{}', 'h_count{}'])
    expect(dropped.h_count).toMatch(/metric h has series with the name h_count/)
  })

  test('series beyond 50,000', () => {
    const values = Array.from({ length: 50_003 }, (_, i) => one({ i: String(i) }))
    const { series, dropped } = accepted([metric('many', 'gauge', ...values)])
    expect(series).toHaveLength(50_000)
    expect(dropped.many).toMatch(/more than 50000 series/)
  })
})

test('for any registry, the exposer accepts the layout, and each value that is not dropped has its series', () => {
  const names = fc.oneof(
    fc.constantFrom(
      'a',
      'a_total',
      'a_total_total',
      'a_count',
      'a_bucket',
      'a_sum',
      '_total',
      '',
      'b',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  )
  const texts = fc.oneof(
    fc.constantFrom('', '1', '1.0', '+Inf', 'NaN', 'x\0y', '\ud800'),
    fc.string({ unit: 'binary', maxLength: 5 }),
  )
  const labels = fc.dictionary(
    fc.oneof(
      fc.constantFrom('le', 'quantile', 'a', '__a', ''),
      fc.string({ unit: 'binary', maxLength: 3 }),
    ),
    fc.oneof(texts, fc.double(), fc.constant(undefined), fc.constant(null)),
    { maxKeys: 3 },
  )
  const metrics = fc.array(
    names.chain(name =>
      fc.record({
        name: fc.constant(name),
        type: fc.constantFrom('counter', 'gauge', 'histogram', 'summary', 'untyped', undefined, 3),
        help: texts,
        values: fc.array(
          fc.record({
            value: fc.double(),
            labels,
            metricName: fc.constantFrom(
              undefined,
              name,
              `${name}_bucket`,
              `${name}_sum`,
              `${name}_count`,
              'other',
            ),
          }),
          { maxLength: 4 },
        ),
      }),
    ),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(metrics, given => {
      const { layout, order, series, dropped } = layoutOf(given)
      validateLayout(layout)
      const places = [...order].filter(at => at >= 0)
      expect(places.sort((a, b) => a - b)).toEqual(Array.from({ length: series }, (_, i) => i))
      if (dropped.size === 0) expect(order.every(at => at >= 0)).toBe(true)
    }),
    { numRuns: 500 },
  )
})
