import fc from 'fast-check'
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client'
import { describe, expect, test } from 'vitest'
import type { MetricJson } from '../../../../shared/metrics/prom-client/metric-json.js'
import { validateLayout } from '../../../../shared/snapshot/validate.js'
import { layoutOf, seriesOf } from '../../../producer/sampled.js'

const metric = (name: string, type: string, ...values: MetricJson['values'] & object): MetricJson => ({
  name,
  type,
  help: `help of ${name}`,
  values,
})
const one = (labels: Record<string, unknown> = {}, metricName?: string) => ({ value: 1, labels, metricName })

/** The layout's series, after the exposer's own judgement of it. */
function accepted(metrics: readonly MetricJson[]) {
  const { layout, dropped, order } = layoutOf(metrics)
  validateLayout(layout)
  return { layout, series: seriesOf([layout]), dropped: Object.fromEntries(dropped), order }
}

describe('families', () => {
  test('of every type of prom-client have the names, suffixes and labels of a direct scrape', async () => {
    const register = new Registry()
    const registers = [register]
    new Counter({ name: 'orders_total', help: 'Orders.', labelNames: ['zone'], registers }).inc({
      zone: 'eu',
    })
    new Gauge({ name: 'queue_depth', help: 'Waiting.', registers }).set(3)
    new Histogram({ name: 'took_seconds', help: 'Time.', buckets: [0.1, 1], registers }).observe(0.5)
    new Summary({ name: 'size_bytes', help: 'Size.', percentiles: [0.5, 0.99], registers }).observe(7)
    const { layout, series, dropped } = accepted((await register.getMetricsAsJSON()) as MetricJson[])
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

  test('are sorted, and every value finds its series', () => {
    const { series, order } = accepted([
      metric('b', 'gauge', one({ i: '0' }), one({ i: '1' })),
      metric('a', 'gauge', one()),
    ])
    expect(series).toEqual(['a{}', 'b{i="0"}', 'b{i="1"}'])
    expect([...order]).toEqual([1, 2, 0])
  })

  test('of one name in several registries become one', () => {
    const { series } = accepted([
      metric('up', 'gauge', one({ part: 'a' })),
      metric('up', 'gauge', one({ part: 'b' })),
    ])
    expect(series).toEqual(['up{part="a"}', 'up{part="b"}'])
  })

  test('of a type that nobody knows are published without one', () => {
    expect(accepted([metric('x', 'info', one())]).layout.families[0].type).toBe('unknown')
  })
})

describe('a counter', () => {
  test('that was never named _total keeps its name', () => {
    expect(accepted([metric('hits', 'counter', one())])).toMatchObject({
      series: ['hits{}'],
      layout: { families: [{ name: 'hits', type: 'counter' }] },
    })
  })

  test.each([
    ['jobs_total', [metric('jobs', 'gauge', one())]],
    ['_total', []],
    ['jobs_total_total', []],
  ])('%s whose family cannot have that name is published under its full one', (name, others) => {
    const { series, dropped } = accepted([metric(name, 'counter', one()), ...others])
    expect(series).toContain(`${name}{}`)
    expect(dropped).toEqual({})
  })
})

describe('labels', () => {
  test.each([
    ['quotes, backslashes and line feeds', 'a"b\\c\nd'],
    ['emoji and other scripts', '🐢 ελλάδα 日本'],
    ['nothing', ''],
  ])('with %s are published as they are', (_, value) => {
    expect(accepted([metric('x', 'gauge', one({ l: value }))]).layout.families[0].series[0].labels).toEqual([
      { name: 'l', value },
    ])
  })

  test.each([
    ['a number', 5, '5'],
    ['a boolean', true, 'true'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['half a character', 'a\ud800b', 'a\ufffdb'],
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

  test('le and quantile are one text for one number', () => {
    const { series } = accepted([
      metric('h', 'histogram', one({ le: '1.0' }, 'h_bucket'), one({ le: Infinity }, 'h_bucket')),
      metric('s', 'summary', one({ quantile: '.5' })),
    ])
    expect(series).toEqual(['h_bucket{le="1"}', 'h_bucket{le="+Inf"}', 's{quantile="0.5"}'])
  })

  test('a help text that is too long is cut, not the metric', () => {
    const help = '🐢'.repeat(5000)
    const { layout } = accepted([{ ...metric('x', 'gauge', one()), help }])
    expect(Buffer.byteLength(layout.families[0].help)).toBeLessThanOrEqual(4096)
    expect(layout.families[0].help.length).toBeGreaterThan(1000)
  })
})

describe('what the exposer would refuse is left out and named, and the rest is published', () => {
  const good = metric('good', 'gauge', one())
  const long = 'x'.repeat(5000)
  test.each<[string, MetricJson, RegExp]>([
    ['a metric without a name', metric('', 'gauge', one()), /no name/],
    ['a name with a NUL', metric('a\0b', 'gauge', one()), /NUL/],
    ['a name that is half a character', metric('a\udc00', 'gauge', one()), /half a character/],
    ['a name that is too long', metric(long, 'gauge', one()), /too long/],
    ['a series twice', metric('bad', 'gauge', one({ a: '1' }), one({ a: '1' })), /comes twice/],
    ['a series twice but for an empty label', metric('bad', 'gauge', one(), one({ a: '' })), /comes twice/],
    ['a reserved label', metric('bad', 'gauge', one({ __name__: 'x' })), /"__name__" is reserved/],
    ['a label without a name', metric('bad', 'gauge', one({ '': 'x' })), /reserved/],
    ['a label name with a NUL', metric('bad', 'gauge', one({ 'a\0': 'x' })), /NUL/],
    ['a label name that is too long', metric('bad', 'gauge', one({ [long]: 'x' })), /too long/],
    [
      'a label value that is too long',
      metric('bad', 'gauge', one({ a: long })),
      /the value of label a is too long/,
    ],
    [
      'too many labels',
      metric('bad', 'gauge', one(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, 'x'])))),
      /more than 64 labels/,
    ],
    ['a bucket without le', metric('bad', 'histogram', one({}, 'bad_bucket')), /le is no number/],
    [
      'a bucket whose le is a word',
      metric('bad', 'histogram', one({ le: 'big' }, 'bad_bucket')),
      /le is no number/,
    ],
    [
      'a quantile that is a word',
      metric('bad', 'summary', one({ quantile: 'most' })),
      /quantile is no number/,
    ],
    ['a histogram’s series without suffix', metric('bad', 'histogram', one({ le: '1' })), /without suffix/],
    [
      'a summary’s bucket',
      metric('bad', 'summary', one({ le: '1' }, 'bad_bucket')),
      /bad_bucket is not of a summary/,
    ],
    ['a gauge’s sum', metric('bad', 'gauge', one({}, 'bad_sum')), /bad_sum is not of a gauge/],
  ])('%s', (_, bad, why) => {
    const { series, dropped } = accepted([bad, good])
    expect(series).toContain('good{}')
    expect(dropped[bad.name]).toMatch(why)
    expect(dropped).not.toHaveProperty('good')
  })

  test('of a metric of two types the first is kept', () => {
    const { series, dropped } = accepted([
      metric('x', 'gauge', one({ a: '1' })),
      metric('x', 'counter', one({ a: '2' })),
    ])
    expect(series).toEqual(['x{a="1"}'])
    expect(dropped.x).toMatch(/another type/)
  })

  test('a gauge that is named as a histogram’s series, which may come to lie in another part', () => {
    const { series, dropped } = accepted([
      metric('h', 'histogram', one({ le: '1' }, 'h_bucket'), one({}, 'h_sum'), one({}, 'h_count')),
      metric('h_count', 'gauge', one({ a: '1' })),
    ])
    expect(series).toEqual(['h_bucket{le="1"}', 'h_sum{}', 'h_count{}'])
    expect(dropped.h_count).toMatch(/metric h has series of the name h_count/)
  })

  test('series beyond 50,000', () => {
    const values = Array.from({ length: 50_003 }, (_, i) => one({ i: String(i) }))
    const { series, dropped } = accepted([metric('many', 'gauge', ...values)])
    expect(series).toHaveLength(50_000)
    expect(dropped.many).toMatch(/more than 50000 series/)
  })
})

test('whatever a registry gives, the exposer accepts the layout and every value that is not left out has its place', () => {
  const names = fc.oneof(
    fc.constantFrom('a', 'a_total', 'a_total_total', 'a_count', 'a_bucket', 'a_sum', '_total', '', 'b'),
    fc.string({ unit: 'binary', maxLength: 5 }),
  )
  const texts = fc.oneof(
    fc.constantFrom('', '1', '1.0', '+Inf', 'NaN', 'x\0y', '\ud800'),
    fc.string({ unit: 'binary', maxLength: 5 }),
  )
  const labels = fc.dictionary(
    fc.oneof(fc.constantFrom('le', 'quantile', 'a', '__a', ''), fc.string({ unit: 'binary', maxLength: 3 })),
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
