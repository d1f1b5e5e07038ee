import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, Summary } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { readText } from '../../producer/read-text.js'
import { collect, layoutsOf, readBack, sampleOnce } from './sampled.js'

const published = async (text: string) => Object.fromEntries(readBack(await sampleOnce(readText(text))))

describe('an exposition as a source', () => {
  test.each(['PROMETHEUS_CONTENT_TYPE', 'OPENMETRICS_CONTENT_TYPE'] as const)(
    'says what the registry that printed it does (%s)',
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
      const json = await sampleOnce((await collect(still)).metrics)
      const text = await sampleOnce((await collect(() => still.metrics())).metrics)
      expect(readBack(text)).toEqual(readBack(json))
      expect(layoutsOf(text)[0].families.map(({ name, type }) => [name, type])).toEqual(
        layoutsOf(json)[0].families.map(({ name, type }) => [name, type]),
      )
    },
  )

  test('of other libraries may have spaces, timestamps, comments, and no types', async () => {
    expect(
      await published('# a comment\n\nup 1 1700000000000\nx{ a = "1" , b="2", } +Inf\nx{} 0x\r\ny 1e3'),
    ).toEqual({ 'up{}': 1, 'x{a="1",b="2"}': Infinity, 'x{}': Number.NaN, 'y{}': 1000 })
  })

  test('that is empty has no metrics: a cluster without workers', () => {
    expect(readText('')).toEqual([])
  })

  test.each(['{a="1"} 1', 'x{a=1} 1', 'x{a="1} 1', 'x', 'x{a="1"}'])(
    'with line %j is refused with that line',
    line => {
      expect(() => readText(line)).toThrow(/in line/)
    },
  )

  test('is read in linear time, whatever it is', () => {
    const labels = `x{${'a="\\\\",'.repeat(50_000)}`
    expect(() => readText(labels)).toThrow(/labels cannot be read/)
    expect(() => readText(`x{a="${'\\'.repeat(500_001)}`)).toThrow(/labels cannot be read/)
    expect(() => readText(`x{${' '.repeat(500_000)}`)).toThrow(/labels cannot be read/)
  })
})
