import { Gauge, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { SourceCollector } from '../../producer/collector.js'
import { PublisherStats, registerStats } from '../../producer/own-metrics.js'
import type { MetricSource } from '../../producer/source.js'
import { readBack } from './sampled.js'

const PATIENCE_MS = 5000
const fail = (message: string) => () => {
  throw new Error(message)
}

function registryWith(name: string, collect?: () => void): Registry {
  const register = new Registry()
  new Gauge({ name, help: name, registers: [register], collect }).set(1)
  return register
}

/** What a publisher of this source would publish: its series, or why it failed; and what was told on the way. */
async function collectOnce(source: MetricSource, patienceMs = PATIENCE_MS) {
  const told: string[] = []
  const own = registerStats(source, 'shop/a', new PublisherStats())
  const collector = new SourceCollector(source, own.loose, {
    incomplete: error => told.push(`incomplete: ${error.message}`),
    leftOut: (dropped, omitted) => told.push(...dropped.keys(), ...[...omitted].map(one => one.join(' '))),
  })
  try {
    const sample = await (await collector.collect(patienceMs)).sample()
    const series = [...readBack(sample).keys()].filter(name => !name.startsWith('publisher_'))
    return { series, told }
  } catch (error) {
    return { failure: (error as Error).message, told }
  } finally {
    own.leave()
  }
}

describe('a collection', () => {
  test('of which one source fails is published without it, and that is told', async () => {
    expect(await collectOnce([fail('the pool is gone'), registryWith('good')])).toEqual({
      series: ['good{}'],
      told: ['incomplete: the pool is gone'],
    })
  })

  test('of which one metric fails is published without it, and that is told', async () => {
    const register = registryWith('good')
    new Gauge({ name: 'bad', help: 'bad', registers: [register], collect: fail('no answer') })
    expect(await collectOnce(register)).toEqual({ series: ['good{}'], told: ['incomplete: no answer'] })
  })

  test('of which one source hangs is published without it', async () => {
    const hanging = () => new Promise<never>(() => {})
    const { series, told } = await collectOnce([hanging, registryWith('good')], 100)
    expect(series).toEqual(['good{}'])
    expect(told).toEqual([expect.stringMatching(/^incomplete: the registry did not answer within 100 ms/)])
  })

  test.each<[string, MetricSource, RegExp]>([
    ['the only source throws', fail('the pool is gone'), /^the pool is gone$/],
    ['the only source rejects', async () => Promise.reject(new Error('no')), /^no$/],
    ['the only source gives what is no collection', (() => 5) as never, /neither a list of metrics/],
    ['the only source hangs', () => new Promise<never>(() => {}), /did not answer within/],
    ['the page of the only source is refused', () => 'good 1\nInternal Server Error\n', /^line 2: /],
    ['the only source gives a web page', () => '<html>502</html>', /a web page, not metrics/],
    ['the only metric of a registry fails', registryWith('bad', fail('no answer')), /^no answer$/],
    ['all sources fail', [fail('first'), fail('second')], /^first \(and 1 more errors\)$/],
    ['one source fails and the others give nothing', [fail('first'), () => []], /^first$/],
    [
      'of none of its series anything can be published',
      () => [{ name: 'bad', type: 'gauge', help: '', values: [{ value: 1, labels: { __a: 'x' } }] }],
      /^none of the 1 series can be published; of metric "bad": label "__a" is reserved$/,
    ],
  ])('fails, with the reason, when %s', async (_, source, reason) => {
    const { failure } = await collectOnce(source, 100)
    expect(failure).toMatch(reason)
  })

  test.each<[string, MetricSource]>([
    ['a registry', new Registry()],
    ['a function', () => []],
    ['an exposition', () => ''],
    ['a metric without series', () => [{ name: 'a', type: 'gauge', help: '', values: [] }]],
  ])('of %s without any series is no failure', async (_, source) => {
    expect(await collectOnce(source)).toEqual({ series: [], told: [] })
  })

  test('tells what is left out when that is new, and when it is over', async () => {
    let page = 'a 1\na 2\n'
    const told: string[][] = []
    const collector = new SourceCollector(
      () => page,
      async () => [],
      {
        incomplete: () => {},
        leftOut: (dropped, omitted) => told.push([...dropped.keys(), ...omitted.keys()]),
      },
    )
    const collect = async () => (await collector.collect(PATIENCE_MS)).sample()
    await collect()
    expect(told).toEqual([['repeated_series']])
    page = 'a 1\n'
    await collect()
    await collect()
    expect(told).toEqual([['repeated_series'], []])
  })

  test('asks a source that hangs once until it answers', async () => {
    let asked = 0
    let answer: ((metrics: []) => void) | undefined
    const hanging = () => {
      asked++
      return new Promise<[]>(resolve => {
        answer = resolve
      })
    }
    const collector = new SourceCollector(hanging, async () => [], {
      incomplete: () => {},
      leftOut: () => {},
    })
    for (let i = 0; i < 3; i++) await expect(collector.collect(20)).rejects.toThrow(/did not answer/)
    expect(asked).toBe(1)
    answer!([])
    await (await collector.collect(20)).sample()
    const again = collector.collect(1000)
    answer!([])
    await again
    expect(asked).toBe(2)
  })
})
