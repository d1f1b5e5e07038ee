import { Counter, Gauge, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import type { MetricSource } from '../../producer/source.js'
import { collect, readBack, sampleOf } from './sampled.js'

const LABELS = [{ quantile: '0.50' }, { quantile: '0.5' }, { le: '1' }, { le: '1.0' }, { le: 'x' }]

function registry(): Registry {
  const register = new Registry()
  const options = { help: 'h', labelNames: ['le', 'quantile'], registers: [register] }
  const gauge = new Gauge({ name: 'g', ...options })
  const counter = new Counter({ name: 'c_total', ...options })
  LABELS.forEach((labels, i) => {
    gauge.set(labels, i)
    counter.inc(labels, i)
  })
  return register
}

const metrics = () =>
  (['g', 'c_total', 'u'] as const).map(name => ({
    name,
    help: 'h',
    type: { g: 'gauge', c_total: 'counter', u: 'untyped' }[name],
    values: LABELS.map((labels, value) => ({ labels, value })),
  }))

function text(end: string, counter: string): () => string {
  const page = [
    ['g', 'gauge', 'g'],
    [counter, 'counter', 'c_total'],
    ['u', end === '' ? 'untyped' : 'unknown', 'u'],
  ].flatMap(([family, type, name]) => [
    `# TYPE ${family} ${type}`,
    ...LABELS.map(
      (labels, i) =>
        `${name}{${Object.entries(labels)
          .map(([label, value]) => `${label}="${value}"`)
          .join(',')}} ${i}`,
    ),
  ])
  return () => `${page.join('\n')}\n${end}`
}

describe('le and quantile of gauges, counters and unknown families', () => {
  test.each<[string, MetricSource, string[]]>([
    ['a registry', registry(), ['g', 'c_total']],
    ['metrics', metrics, ['g', 'c_total', 'u']],
    ['text', text('', 'c_total'), ['g', 'c_total', 'u']],
    ['OpenMetrics', text('# EOF\n', 'c'), ['g', 'c_total', 'u']],
  ])('are published by %s as they are, in as many series', async (_, source, names) => {
    const { readings, errors } = await collect(source)
    expect(errors).toEqual([])
    const expected = names.flatMap(name =>
      LABELS.map((labels, i) => {
        const [[label, value]] = Object.entries(labels)
        return [`${name}{${label}="${value}"}`, i]
      }),
    )
    expect(Object.fromEntries(readBack(await sampleOf(readings)))).toEqual(
      Object.fromEntries(expected),
    )
  })
})
