import { Gauge, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { SourceCollector } from '../../producer/collector.js'
import { PublisherStats, registerStats } from '../../producer/own-metrics.js'
import type { MetricSource } from '../../producer/source.js'
import { readBack } from './sampled.js'

const TIMEOUT_MS = 5000
const fail = (message: string) => () => {
  throw new Error(message)
}

function registryWith(name: string, collect?: () => void): Registry {
  const register = new Registry()
  new Gauge({ name, help: name, registers: [register], collect }).set(1)
  return register
}

/** Collects a source once. Returns its series or the reason of the failure, and the events. */
async function collectOnce(source: MetricSource, timeoutMs = TIMEOUT_MS) {
  const events: string[] = []
  const registration = registerStats(source, 'shop/a', new PublisherStats())
  const collector = new SourceCollector(source, registration.unregisteredMetrics, {
    sourcesFailed: (errors, isWhole) => {
      const lines = errors.map(
        ({ source, metric, message }) =>
          `${source}${metric === undefined ? '' : `/${metric}`}: ${message}`,
      )
      if (!isWhole) events.push(...lines)
    },
    leftOut: (dropped, omitted) =>
      events.push(...dropped.keys(), ...[...omitted].map(entry => entry.join(' '))),
  })
  try {
    const sample = await (await collector.collect(timeoutMs)).sample()
    const series = [...readBack(sample).keys()].filter(name => !name.startsWith('publisher_'))
    return { series, events }
  } catch (error) {
    return { failure: (error as Error).message, events }
  } finally {
    registration.unregister()
  }
}

describe('a collection', () => {
  test('is published without a source that fails, and reports its error', async () => {
    expect(await collectOnce([fail('the pool is gone'), registryWith('good')])).toEqual({
      series: ['good{}'],
      events: ['function: the pool is gone'],
    })
  })

  test('is published without a metric that fails, and reports its error', async () => {
    const register = registryWith('good')
    new Gauge({ name: 'bad', help: 'bad', registers: [register], collect: fail('no answer') })
    expect(await collectOnce(register)).toEqual({
      series: ['good{}'],
      events: ['registry/bad: no answer'],
    })
  })

  test('is published without a source that hangs', async () => {
    const hanging = () => new Promise<never>(() => {})
    const { series, events } = await collectOnce([hanging, registryWith('good')], 100)
    expect(series).toEqual(['good{}'])
    expect(events).toEqual([
      expect.stringMatching(/^hanging: the source did not answer within 100 ms/),
    ])
  })

  test.each<[string, MetricSource, RegExp]>([
    ['the only source throws', fail('the pool is gone'), /^the pool is gone$/],
    ['the only source rejects', async () => Promise.reject(new Error('no')), /^no$/],
    ['the only source returns a number', (() => 5) as never, /must return a list of metrics/],
    ['the only source hangs', () => new Promise<never>(() => {}), /did not answer within/],
    [
      'the exposition of the only source is refused',
      () => 'good 1\nInternal Server Error\n',
      /^line 2: /,
    ],
    [
      'the only source returns a web page',
      () => '<html>502</html>',
      /a web page instead of metrics/,
    ],
    ['the only metric of a registry fails', registryWith('bad', fail('no answer')), /^no answer$/],
    ['all sources fail', [fail('first'), fail('second')], /^first \(and 1 more error\)$/],
    ['one source fails and the others have no series', [fail('first'), () => []], /^first$/],
    [
      'none of its series can be published',
      () => [
        { name: 'bad', type: 'gauge', help: '', values: [{ value: 1, labels: { __a: 'x' } }] },
      ],
      /^none of the 1 series can be published; first reason, metric "bad": label "__a" is reserved; rename it$/,
    ],
  ])('fails with the reason when %s', async (_, source, reason) => {
    const { failure } = await collectOnce(source, 100)
    expect(failure).toMatch(reason)
  })

  test.each<[string, MetricSource]>([
    ['a registry', new Registry()],
    ['a function', () => []],
    ['an exposition', () => ''],
    ['a metric without series', () => [{ name: 'a', type: 'gauge', help: '', values: [] }]],
  ])('of %s without series is not a failure', async (_, source) => {
    expect(await collectOnce(source)).toEqual({ series: [], events: [] })
  })

  test('reports omitted series when their set changes, also when it becomes empty', async () => {
    let page = 'a 1\na 2\n'
    const events: string[][] = []
    const collector = new SourceCollector(
      () => page,
      async () => [],
      {
        sourcesFailed: () => {},
        leftOut: (dropped, omitted) => events.push([...dropped.keys(), ...omitted.keys()]),
      },
    )
    const collect = async () => (await collector.collect(TIMEOUT_MS)).sample()
    await collect()
    expect(events).toEqual([['repeated_series']])
    page = 'a 1\n'
    await collect()
    await collect()
    expect(events).toEqual([['repeated_series'], []])
  })

  test('does not call a source again while its last call is in progress', async () => {
    let calls = 0
    let answer: ((metrics: []) => void) | undefined
    const hanging = () => {
      calls++
      return new Promise<[]>(resolve => {
        answer = resolve
      })
    }
    const collector = new SourceCollector(hanging, async () => [], {
      sourcesFailed: () => {},
      leftOut: () => {},
    })
    for (let i = 0; i < 3; i++)
      await expect(collector.collect(20)).rejects.toThrow(/did not answer/)
    expect(calls).toBe(1)
    answer!([])
    await (await collector.collect(20)).sample()
    const again = collector.collect(1000)
    answer!([])
    await again
    expect(calls).toBe(2)
  })
})
