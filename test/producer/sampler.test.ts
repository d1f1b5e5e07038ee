import fc from 'fast-check'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, Summary } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { Sampler } from '../../producer/sampler.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import type { MetricJson } from '../../shared/metrics/prom-client/metric-json.js'
import { exemplarsWithin } from '../../shared/publish/exemplars-within.js'
import { parseExposition } from '../support/strict-exposition.js'
import { layoutsOf, readBack, sampleOnce, seriesOf, seriesText } from './sampled.js'

const jsonOf = async (register: Registry) =>
  (await register.getMetricsAsJSON()) as unknown as MetricJson[]
const gauge = (values: readonly number[], name = 'g'): MetricJson => ({
  name,
  type: 'gauge',
  help: '',
  values: values.map((value, i) => ({ value, labels: { i: String(i) } })),
})

describe('a sample has the series and values of a direct scrape', () => {
  test('of every type, and of prom-client’s own metrics', async () => {
    const register = new Registry()
    collectDefaultMetrics({ register })
    const registers = [register]
    const labelNames = ['a']
    new Counter({ name: 'c_total', help: 'c', labelNames, registers }).inc({ a: 'quo"te\\n' }, 2.5)
    new Gauge({ name: 'g', help: 'g', labelNames, registers }).set({ a: '' }, -1)
    new Histogram({ name: 'h', help: 'h', labelNames, registers }).observe({ a: 'ü' }, 3)
    new Summary({ name: 's', help: 's', labelNames, registers }).observe({ a: 'x\ny' }, 3)
    register.setDefaultLabels({ region: 'eu' })
    // Use one collection for both, since many default metrics change between collections.
    const metrics = await jsonOf(register)
    const frozen = new Registry()
    frozen.setDefaultLabels({ region: 'eu' })
    for (const metric of metrics) frozen.registerMetric({ ...metric, get: () => metric } as never)
    const published = readBack(await sampleOnce(metrics))
    const scraped = new Map(
      // prom-client prints NaN as Nan.
      parseExposition((await frozen.metrics()).replaceAll(/ Nan$/gm, ' NaN')).flatMap(
        ({ samples }) =>
          samples.map(
            ({ name, labels, value }) => [seriesText(name, '', sortLabels(labels)), value] as const,
          ),
      ),
    )
    expect(published).toEqual(scraped)
    expect(published.size).toBeGreaterThan(50)
  })

  test('for special values of doubles', async () => {
    const values = [
      Number.NaN,
      Infinity,
      -Infinity,
      -0,
      0,
      2 ** 53 + 2,
      -(2 ** 60),
      1e308,
      5e-324,
      0.1,
      2 ** 53 - 1,
    ]
    const sample = await sampleOnce([gauge(values)])
    expect([...sample.values].every((value, i) => Object.is(value, values[i]))).toBe(true)
  })
})

describe('the layout', () => {
  test('is reused while only values change', async () => {
    const sampler = new Sampler()
    const first = await sampler.read([{ metrics: [gauge([1, 2])] }]).sample()
    const second = await sampler.read([{ metrics: [gauge([3, 4])] }]).sample()
    expect(second.parts).toBe(first.parts)
    expect([...second.values]).toEqual([3, 4])
    expect(sampler.layouts).toBe(1)
  })

  test('is reused when a label is NaN', async () => {
    const sampler = new Sampler()
    const metrics = () => [
      { name: 'g', type: 'gauge', help: '', values: [{ value: 1, labels: { a: Number.NaN } }] },
    ]
    await sampler.read([{ metrics: metrics() }]).sample()
    await sampler.read([{ metrics: metrics() }]).sample()
    expect(sampler.layouts).toBe(1)
  })

  test.each<[string, MetricJson[]]>([
    ['an added series', [gauge([1, 2, 3])]],
    ['a removed series', [gauge([1])]],
    [
      'another label value',
      [
        {
          ...gauge([1]),
          values: [
            { value: 1, labels: { i: 'x' } },
            { value: 1, labels: { i: '1' } },
          ],
        },
      ],
    ],
    [
      'another label name',
      [
        {
          ...gauge([1]),
          values: [
            { value: 1, labels: { j: '0' } },
            { value: 1, labels: { j: '1' } },
          ],
        },
      ],
    ],
    ['another help', [{ ...gauge([1, 2]), help: 'news' }]],
    ['another type', [{ ...gauge([1, 2]), type: 'counter' }]],
    ['another name', [gauge([1, 2], 'h')]],
    ['an added metric', [gauge([1, 2]), gauge([1], 'h')]],
    [
      'another order',
      [
        {
          ...gauge([]),
          values: [
            { value: 1, labels: { i: '1' } },
            { value: 1, labels: { i: '0' } },
          ],
        },
      ],
    ],
  ])('is rebuilt for %s', async (_, metrics) => {
    const sampler = new Sampler()
    const before = await sampler.read([{ metrics: [gauge([1, 2])] }]).sample()
    const after = await sampler.read([{ metrics }]).sample()
    expect(sampler.layouts).toBe(2)
    expect(after.parts[0].layout.id).not.toBe(before.parts[0].layout.id)
    expect(after.values).toHaveLength(seriesOf(layoutsOf(after)).length)
  })

  test('that is reused equals one that is rebuilt, for any change', async () => {
    const labels = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2', ''), {
      maxKeys: 2,
    })
    const metric = fc.record({
      name: fc.constantFrom('x', 'y'),
      type: fc.constantFrom('gauge', 'counter'),
      help: fc.constantFrom('', 'h'),
      values: fc.array(fc.record({ value: fc.integer(), labels }), { maxLength: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(metric, { maxLength: 3 }), { maxLength: 4 }),
        async rounds => {
          const sampler = new Sampler()
          for (const metrics of rounds)
            expect(readBack(await sampler.read([{ metrics }]).sample())).toEqual(
              readBack(await sampleOnce(metrics)),
            )
        },
      ),
    )
  })
})

test('values are those at the time of the call, also when the registry changes while the layout is built', async () => {
  const values = Array.from({ length: 5000 }, (_, i) => ({ value: i, labels: { i: String(i) } }))
  const sampling = sampleOnce([{ name: 'g', type: 'gauge', help: '', values }])
  for (const one of values) one.value = -1
  const { values: sampled } = await sampling
  expect([...sampled]).toEqual(Array.from({ length: 5000 }, (_, i) => i))
})

describe('a large registry', () => {
  const wide = (name: string, series: number, label: string) => ({
    name,
    type: 'gauge',
    help: '',
    values: Array.from({ length: series }, (_, i) => ({ value: i, labels: { l: `${label}${i}` } })),
  })

  test('is split into parts between families, which together have each series once', async () => {
    const metrics = Array.from({ length: 40 }, (_, i) =>
      wide(`family_${i}`, 1000, 'some-label-value-'),
    )
    const sample = await sampleOnce(metrics)
    expect(sample.parts.length).toBeGreaterThan(1)
    expect(sample.parts[0].from).toBe(0)
    expect(sample.parts.at(-1)!.to).toBe(40_000)
    for (let i = 1; i < sample.parts.length; i++)
      expect(sample.parts[i].from).toBe(sample.parts[i - 1].to)
    const values = readBack(sample)
    expect(values.size).toBe(40_000)
    expect(values.get('family_17{l="some-label-value-123"}')).toBe(123)
  })

  test('loses only the family that does not fit into a record, and names it', async () => {
    const sampler = new Sampler()
    const noise = () =>
      Array.from({ length: 120 }, () => Math.random().toString(36).slice(2)).join('')
    const huge = {
      name: 'huge',
      type: 'gauge',
      help: '',
      values: Array.from({ length: 2000 }, () => ({ value: 1, labels: { l: noise() } })),
    }
    const sample = await sampler.read([{ metrics: [gauge([7]), huge] }]).sample()
    expect(readBack(sample)).toEqual(new Map([['g{i="0"}', 7]]))
    expect(Object.fromEntries(sampler.dropped)).toEqual({
      huge: expect.stringMatching(/more than 1000000 bytes/),
    })
  })
})

test('an empty registry is a snapshot without series', async () => {
  const sample = await sampleOnce([])
  expect(readBack(sample).size).toBe(0)
  expect(sample.parts).toHaveLength(1)
})

describe('exemplars', () => {
  const of = async (...exemplars: (object | null)[]) =>
    (
      await sampleOnce([
        {
          name: 'g',
          type: 'counter',
          help: '',
          values: exemplars.map((exemplar, i) => ({
            value: i,
            labels: { i: String(i) },
            exemplar,
          })),
        },
      ])
    ).exemplars

  test('of counters and of histogram buckets refer to their series', async () => {
    const register = new Registry()
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
    const registers = [register] as never
    const counter = new Counter({ name: 'c_total', help: 'c', enableExemplars: true, registers })
    counter.inc({ value: 2, exemplarLabels: { trace_id: 'abc' } } as never)
    const histogram = new Histogram({
      name: 'h',
      help: 'h',
      buckets: [1, 10],
      enableExemplars: true,
      registers,
    })
    histogram.observe({ value: 5, exemplarLabels: { trace_id: 'def' } } as never)
    const sample = await sampleOnce(await jsonOf(register))
    const series = seriesOf(layoutsOf(sample))
    const seen = sample.exemplars!.map(exemplar => [
      series[exemplar.series],
      exemplar.value,
      exemplar.labels,
    ])
    expect(seen).toEqual([
      ['c_total{}', 2, [{ name: 'trace_id', value: 'abc' }]],
      ['h_bucket{le="10"}', 5, [{ name: 'trace_id', value: 'def' }]],
    ])
    for (const { timestamp } of sample.exemplars!)
      expect(Number.isSafeInteger(timestamp)).toBe(true)
  })

  test('that an exposer would refuse are dropped, and their snapshot is not', async () => {
    const labelSet = { trace: 'x' }
    expect(
      await of(
        null,
        { labelSet: {}, value: null },
        { labelSet: { a: 'x'.repeat(130) }, value: 1 },
        { labelSet: { 'a\0': 'x' }, value: 1 },
        { labelSet: { a: '\ud800' }, value: 1 },
        { labelSet: { '': 'x' }, value: 1 },
        {
          labelSet: Object.fromEntries(
            Array.from({ length: 100 }, (_, i) => [String.fromCharCode(200 + i), '']),
          ),
          value: 1,
        },
        { labelSet, value: 1, timestamp: Infinity },
        { labelSet, value: 1, timestamp: 1700000000.1239 },
      ),
    ).toEqual([
      { series: 7, labels: [{ name: 'trace', value: 'x' }], value: 1, timestamp: null },
      { series: 8, labels: [{ name: 'trace', value: 'x' }], value: 1, timestamp: 1700000000124 },
    ])
  })

  test('are limited by the space left in the record of their part', () => {
    const exemplars = Array.from({ length: 100 }, (_, series) => ({
      series,
      labels: [{ name: 'trace', value: 'x'.repeat(50) }],
      value: 1,
      timestamp: null,
    }))
    const within = exemplarsWithin(exemplars, { from: 20, to: 90 }, 1000)!
    expect(within.length).toBeGreaterThan(5)
    expect(within.length * 55).toBeLessThan(1000)
    expect(within[0].series).toBe(0)
    expect(exemplarsWithin(exemplars, { from: 20, to: 90 }, 1_000_000)).toHaveLength(70)
    expect(exemplarsWithin(exemplars, { from: 100, to: 110 }, 1000)).toBeNull()
  })
})
