import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, Summary } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { ExpositionSource } from '../../producer/exposition-source.js'
import { Sampler } from '../../producer/sampler.js'
import { collect, layoutsOf, readBack, sampleOf } from './sampled.js'

const readText = (text: string) => new ExpositionSource().read(text)
const published = async (text: string) =>
  Object.fromEntries(readBack(await sampleOf([await readText(text)])))

describe('an exposition as a source', () => {
  test.each(['PROMETHEUS_CONTENT_TYPE', 'OPENMETRICS_CONTENT_TYPE'] as const)(
    'yields the same series and types as the registry that printed it (%s)',
    async contentType => {
      const register = new Registry()
      register.setContentType(Registry[contentType] as never)
      collectDefaultMetrics({ register })
      const registers = [register]
      const labelNames = ['a']
      new Counter({ name: 'c_total', help: 'a\\b\nc "d"', labelNames, registers }).inc(
        { a: 'q"u\\o\nte,{}=' },
        2,
      )
      new Gauge({ name: 'g', help: 'g', labelNames, registers }).set({ a: 'x' }, -Infinity)
      new Gauge({ name: 'nan', help: 'nan', registers }).set(Number.NaN)
      new Histogram({ name: 'h', help: 'h', labelNames, registers }).observe({ a: 'ü' }, 3)
      new Summary({ name: 's', help: 's', labelNames, registers }).observe({ a: '' }, 3)
      const frozen = await register.getMetricsAsJSON()
      const still = new Registry()
      still.setContentType(Registry[contentType] as never)
      for (const metric of frozen) {
        const get = function (this: { name: string }) {
          return { ...metric, name: this.name }
        }
        still.registerMetric({ ...metric, get } as never)
      }
      const json = await sampleOf((await collect(still)).readings)
      const text = await sampleOf((await collect(() => still.metrics())).readings)
      expect(readBack(text)).toEqual(readBack(json))
      expect(layoutsOf(text)[0].families.map(({ name, type }) => [name, type])).toEqual(
        layoutsOf(json)[0].families.map(({ name, type }) => [name, type]),
      )
    },
  )

  test('of another library may have spaces, timestamps and comments, and no types', async () => {
    expect(
      await published(
        '# a comment\n\nup 1 1700000000000\nx{ a = "1" , b="2", } +Inf\nx{} Nan\ny 1e3',
      ),
    ).toEqual({ 'up{}': 1, 'x{a="1",b="2"}': Infinity, 'x{}': Number.NaN, 'y{}': 1000 })
  })

  test('with types that a record does not have is published as docs/mapping.md says', async () => {
    const text = [
      '# TYPE build info',
      'build_info{version="1"} 1',
      '# TYPE mode stateset',
      'mode{mode="a"} 1',
      'mode{mode="b"} 0',
      '# TYPE c counter',
      'c_total 3 # {trace_id="x"} 1 1700000000',
      'c_created 1700000000',
      '# TYPE q gaugehistogram',
      'q_bucket{le="1"} 2',
      'q_bucket{le="+Inf"} 3',
      'q_gcount 3',
      'q_gsum 4',
      '# EOF\n',
    ].join('\n')
    expect(await published(text)).toEqual({
      'build_info{version="1"}': 1,
      'c_total{}': 3,
      'c_created{}': 1_700_000_000,
      'mode{mode="a"}': 1,
      'mode{mode="b"}': 0,
      'q_bucket{le="1"}': 2,
      'q_bucket{le="+Inf"}': 3,
      'q_gcount{}': 3,
      'q_gsum{}': 4,
    })
    const { exemplars } = await sampleOf([await readText(text)])
    expect(exemplars).toEqual([
      {
        series: 1,
        labels: [{ name: 'trace_id', value: 'x' }],
        value: 1,
        timestamp: 1_700_000_000_000,
      },
    ])
  })

  test('keeps the timestamps of its series; those of a registry have none', async () => {
    const register = new Registry()
    new Gauge({ name: 'a', help: 'a', registers: [register] }).set(1)
    const { readings } = await collect([register, () => 'up 2 1700000000000\ndown 3\n'])
    const { values, timestamps } = await sampleOf(readings)
    expect([...values]).toEqual([1, 3, 2])
    expect([...timestamps!]).toEqual([Number.NaN, Number.NaN, 1_700_000_000_000])
  })

  test('shares its names with other sources: the first of equal series is kept', async () => {
    const register = new Registry()
    new Gauge({ name: 'hits', help: 'hits', registers: [register] }).set(1)
    const { readings } = await collect([
      () => '# TYPE hits_total counter\nhits_total 2\nboth 3\n',
      register,
      () => [{ name: 'both', type: undefined, help: '', values: [{ value: 4 }] }],
    ])
    const sample = await sampleOf(readings)
    expect(Object.fromEntries(readBack(sample))).toEqual({
      'hits{}': 1,
      'hits_total{}': 2,
      'both{}': 3,
    })
    expect(layoutsOf(sample)[0].families.map(({ name, type }) => [name, type])).toEqual([
      ['both', 'unknown'],
      ['hits', 'gauge'],
      ['hits_total', 'unknown'],
    ])
  })

  test('that is empty has no families, as of a cluster without workers', async () => {
    expect((await readText('')).families).toEqual([])
  })

  test('keeps its layout while only values change', async () => {
    const source = new ExpositionSource()
    const sampler = new Sampler()
    const sampleOf = async (text: string) => sampler.read([await source.read(text)]).sample()
    const page = (n: number) =>
      `# TYPE h histogram\nh_bucket{le="+Inf"} ${n}\nh_sum ${n}\nh_count ${n}\ng ${n}\n`
    const first = await sampleOf(page(1))
    const second = await sampleOf(page(2))
    expect(sampler.layouts).toBe(1)
    expect([...first.values]).toEqual([1, 1, 1, 1])
    expect([...second.values]).toEqual([2, 2, 2, 2])
    expect([...(await sampleOf(`${page(3)}new 4\n`)).values]).toEqual([3, 3, 3, 3, 4])
  })

  test('with a duplicate series reports it as omitted', async () => {
    const { families, omitted } = await readText('x 1\nx 2\ny 3\n')
    expect(families.map(({ name, series }) => [name, series.length])).toEqual([
      ['x', 1],
      ['y', 1],
    ])
    expect([...omitted]).toEqual([['repeated_series', 1]])
  })

  test('with a label value that a record cannot hold loses that metric and no other', async () => {
    expect(await published(`long{a="${'x'.repeat(5000)}"} 1\nmany{${'a="1",'}} 2\n`)).toEqual({
      'many{a="1"}': 2,
    })
  })

  test.each([
    'x{a=1} 1',
    'x{a="1} 1',
    'x',
    'x{a="1"}',
    'x 0x',
    'Internal Server Error',
    '{"error":"no"}',
  ])('with the invalid line %j is refused with its line number', async line => {
    await expect(readText(`good 1\n${line}\n`)).rejects.toThrow(/^line 2: /)
  })

  test.each([
    '<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>',
    '\n  <html>error 5</html>',
    '<?xml version="1.0"?><Error/>',
  ])('that is the web page %j is refused as such', async page => {
    await expect(readText(page)).rejects.toThrow(
      /returned a web page instead of metrics, beginning with "</,
    )
  })

  test('is read in linear time, also when it is malicious', async () => {
    await expect(readText(`x{${'a="\\\\",'.repeat(50_000)}`)).rejects.toThrow(/^line 1: /)
    await expect(readText(`x{a="${'\\'.repeat(500_001)}`)).rejects.toThrow(/^line 1: /)
    await expect(readText(`x{${' '.repeat(500_000)}`)).rejects.toThrow(/^line 1: /)
  })
})
