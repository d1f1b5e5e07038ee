import { Counter, Gauge, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { Sources } from '../../producer/source.js'
import { collect, readBack, sampleOf } from './sampled.js'

const registryWith = (name: string, value: number) => {
  const register = new Registry()
  new Gauge({ name, help: name, registers: [register] }).set(value)
  return register
}
const published = async (source: Parameters<typeof collect>[0]) => {
  const { readings, errors } = await collect(source)
  return {
    values: Object.fromEntries(readBack(await sampleOf(readings))),
    errors: errors.map(e => e.message),
  }
}

describe('a source', () => {
  test('may be several registries and functions, whose order is kept', async () => {
    const values = await published([
      registryWith('a', 1),
      async () => [{ name: 'b', type: 'gauge', help: '', values: [{ value: 2 }] }],
      registryWith('c', 3),
    ])
    expect(values).toEqual({ values: { 'a{}': 1, 'b{}': 2, 'c{}': 3 }, errors: [] })
  })

  test('loses only the metric whose collect fails, and keeps default labels', async () => {
    const register = registryWith('good', 1)
    register.setDefaultLabels({ zone: 'eu' })
    const collectFails = () => {
      throw new Error('the pool is gone')
    }
    new Gauge({ name: 'bad', help: 'bad', registers: [register], collect: collectFails })
    new Gauge({
      name: 'worse',
      help: 'worse',
      registers: [register],
      collect: async () => collectFails(),
    })
    const labelled = new Gauge({
      name: 'own',
      help: 'own',
      labelNames: ['zone'],
      registers: [register],
    })
    labelled.set({ zone: 'us' }, 2)
    expect(await published([register, registryWith('other', 3)])).toEqual({
      values: { 'good{zone="eu"}': 1, 'own{zone="us"}': 2, 'other{}': 3 },
      errors: ['the pool is gone', 'the pool is gone'],
    })
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'throws something other than an Error',
      () => {
        throw 'no'
      },
    ],
  ])('that %s is left out, and no other', async (_, bad) => {
    expect(await published([bad as never, registryWith('good', 1)])).toEqual({
      values: { 'good{}': 1 },
      errors: ['no'],
    })
  })

  test.each([
    undefined,
    null,
    5,
    {},
    [null],
    ['x'],
    [{ name: 'a', values: 5 }],
    [{ name: 'a', values: [null] }],
  ])('that returns %j fails with what it must return', async given => {
    const { values, errors } = await published([(() => given) as never, registryWith('good', 1)])
    expect(values).toEqual({ 'good{}': 1 })
    expect(errors[0]).toMatch(
      /must return a list of metrics, as getMetricsAsJSON does, or the text/,
    )
  })

  test('that returns a broken metric among others loses only that one', async () => {
    const good = { name: 'good', type: 'gauge', help: '', values: [{ value: 1 }] }
    const { values, errors } = await published((() => [good, { name: 'a', values: 5 }]) as never)
    expect(values).toEqual({ 'good{}': 1 })
    expect(errors).toHaveLength(1)
  })

  test('has a name of its own, also if two functions have the same', () => {
    function queue() {
      return []
    }
    const sources = new Sources([new Registry(), queue, () => [], queue, new Registry()])
    expect(sources.names).toEqual(['registry', 'queue', 'function', 'queue 2', 'registry 2'])
  })

  test('for OpenMetrics has the same counter names before and after a scrape', async () => {
    const register = new Registry()
    register.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
    new Counter({ name: 'a_total', help: 'a', registers: [register] }).inc()
    new Counter({ name: 'b', help: 'b', registers: [register] }).inc()
    const before = await published(register)
    await register.metrics()
    expect(await published(register)).toEqual(before)
    expect(before.values).toEqual({ 'a_total{}': 1, 'b_total{}': 1 })
  })
})
