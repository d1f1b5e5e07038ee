import fc from 'fast-check'
import { Counter, Gauge, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { RegistrySource } from '../../producer/registry-source.js'
import type { Collected } from '../../producer/source.js'
import { readBack, sampleOf } from './sampled.js'

const TIMEOUT_MS = 5000
const hang = () => new Promise<never>(() => {})

async function seriesIn({ readings }: Collected): Promise<string[]> {
  return [...readBack(await sampleOf(readings)).keys()]
}

/** A registry with gauges that behave as told in each collection, and that count their calls. */
function registryOf(behaviours: Record<string, (call: number) => unknown>) {
  const register = new Registry()
  const calls: Record<string, number> = {}
  for (const [name, behave] of Object.entries(behaviours)) {
    calls[name] = 0
    const collect = () => behave(++calls[name]) as undefined
    new Gauge({ name, help: name, registers: [register], collect }).set(1)
  }
  return { register, calls, source: new RegistrySource('registry', register) }
}

const works = () => {}
const throws = () => {
  throw new Error('no')
}

describe('of a registry', () => {
  test('each metric is collected once, whatever another does', async () => {
    const { source, calls } = registryOf({
      a: works,
      b: throws,
      c: () => Promise.reject(new Error('no')),
      d: works,
    })
    for (let round = 1; round <= 3; round++) {
      const collected = await source.collect(TIMEOUT_MS)
      expect(calls).toEqual({ a: round, b: round, c: round, d: round })
      expect(await seriesIn(collected)).toEqual(['a{}', 'd{}'])
      expect(collected.errors).toEqual([
        { kind: 'failed', source: 'registry', metric: 'b', message: 'no' },
        { kind: 'failed', source: 'registry', metric: 'c', message: 'no' },
      ])
    }
  })

  test('a collect that never settles stops no other metric, and is called no second time', async () => {
    let settle = () => {}
    const { source, calls } = registryOf({
      a: works,
      b: call =>
        call === 3
          ? new Promise<void>(resolve => {
              settle = resolve
            })
          : undefined,
      c: works,
    })
    const rounds: string[][] = []
    const errors: string[] = []
    for (let round = 1; round <= 5; round++) {
      const collected = await source.collect(50)
      rounds.push(await seriesIn(collected))
      errors.push(...collected.errors.map(({ message }) => `${round}: ${message}`))
    }
    const all = ['a{}', 'b{}', 'c{}']
    const others = ['a{}', 'c{}']
    expect(rounds).toEqual([all, all, others, others, others])
    expect(errors).toEqual([
      '3: the metric did not answer within 50 ms; check whether its collect function hangs',
      '4: its collect function has not returned yet',
      '5: its collect function has not returned yet',
    ])
    expect(calls).toEqual({ a: 5, b: 3, c: 5 })
    settle()
    await new Promise(setImmediate)
    expect(await seriesIn(await source.collect(50))).toEqual(all)
  })

  test('the number of calls that hang is bounded, also if the application adds metrics again and again', async () => {
    const { register, source } = registryOf({ good: works })
    let calls = 0
    const add = (name: string) =>
      new Gauge({
        name,
        help: name,
        registers: [register],
        collect: () => {
          calls++
          return hang()
        },
      })
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 30; i++) add(`hanging_${i}`)
      const collected = await source.collect(5)
      expect(await seriesIn(collected)).toEqual(['good{}'])
      for (let i = 0; i < 30; i++) register.removeSingleMetric(`hanging_${i}`)
    }
    // Four rounds of 30 exceed the limit of 100.
    expect(calls).toBe(120)
    add('hanging_0')
    const { errors } = await source.collect(5)
    expect(errors[0].message).toMatch(/^120 other collect functions have not returned yet/)
  })

  test('thousands of metrics are collected in several turns of the event loop, each once', async () => {
    const register = new Registry()
    let calls = 0
    const turns = new Set<number>()
    let turn = 0
    for (let i = 0; i < 5000; i++) {
      const collect = () => {
        calls++
        turns.add(turn)
      }
      new Gauge({ name: `m${i}`, help: 'm', registers: [register], collect }).set(i)
    }
    let counting = true
    const count = () => {
      turn++
      if (counting) setImmediate(count)
    }
    count()
    const { readings, errors } = await new RegistrySource('registry', register).collect(TIMEOUT_MS)
    counting = false
    expect(errors).toEqual([])
    expect(calls).toBe(5000)
    expect(turns.size).toBeGreaterThan(1)
    const [reading] = readings
    expect('metrics' in reading && reading.metrics.map(({ name }) => name)).toEqual(
      Array.from({ length: 5000 }, (_, i) => `m${i}`),
    )
  })

  test('metrics that come and go are published as long as they are registered', async () => {
    const { register, source } = registryOf({ a: works })
    expect(await seriesIn(await source.collect(TIMEOUT_MS))).toEqual(['a{}'])
    new Gauge({ name: 'b', help: 'b', registers: [register] }).set(2)
    expect(await seriesIn(await source.collect(TIMEOUT_MS))).toEqual(['a{}', 'b{}'])
    register.clear()
    expect(await source.collect(TIMEOUT_MS)).toEqual({ readings: [{ metrics: [] }], errors: [] })
  })

  test('the metrics are those of getMetricsAsJSON if the registry has one of its own', async () => {
    class Filtered extends Registry {
      override async getMetricsAsJSON() {
        return (await super.getMetricsAsJSON()).filter(({ name }) => name !== 'secret')
      }
    }
    const register = new Filtered()
    for (const name of ['public', 'secret'])
      new Gauge({ name, help: name, registers: [register] }).set(1)
    const others = [register, { getMetricsAsJSON: () => register.getMetricsAsJSON() }]
    for (const registry of others) {
      const source = new RegistrySource('registry', registry)
      expect(await seriesIn(await source.collect(TIMEOUT_MS))).toEqual(['public{}'])
    }
  })

  test('default labels are added as prom-client adds them, and nothing of the application is changed', async () => {
    const register = new Registry()
    register.setDefaultLabels({ zone: 'eu', tier: 'web' })
    const counter = new Counter({
      name: 'a_total',
      help: 'a',
      labelNames: ['zone'],
      registers: [register],
    })
    counter.inc({ zone: 'us' })
    counter.inc({ zone: '' })
    const before = JSON.stringify(await counter.get())
    const { readings } = await new RegistrySource('registry', register).collect(TIMEOUT_MS)
    expect(JSON.stringify(await counter.get())).toBe(before)
    const [reading] = readings
    const ours = 'metrics' in reading ? reading.metrics.flatMap(({ values }) => values ?? []) : []
    const [theirs] = await register.getMetricsAsJSON()
    expect(ours.map(({ labels }) => labels)).toEqual(
      (theirs as unknown as { values: { labels: unknown }[] }).values.map(({ labels }) => labels),
    )
  })

  test('frozen metrics and registries are published', async () => {
    const { register, source } = registryOf({ a: works })
    for (const metric of register.getMetricsAsArray()) Object.freeze(metric)
    Object.freeze(register)
    expect(await seriesIn(await source.collect(TIMEOUT_MS))).toEqual(['a{}'])
  })

  test('whatever its metrics do, the whole ones are published, and none is called while it hangs', async () => {
    const behaviour = fc.constantFrom('works', 'throws', 'rejects', 'hangs', 'answers garbage')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(behaviour, { minLength: 3, maxLength: 3 }), {
          minLength: 1,
          maxLength: 4,
        }),
        async rounds => {
          let round: readonly string[] = []
          const called: number[] = [0, 0, 0]
          const metrics = [0, 1, 2].map(at => ({
            name: `m${at}`,
            get() {
              called[at]++
              const json = { name: `m${at}`, help: '', type: 'gauge', values: [{ value: 1 }] }
              if (round[at] === 'throws') throw new Error('no')
              if (round[at] === 'rejects') return Promise.reject(new Error('no'))
              if (round[at] === 'hangs') return hang()
              return round[at] === 'works' ? json : { values: [null] }
            },
          }))
          const registry = {
            getMetricsAsArray: () => metrics,
            getMetricsAsJSON: () => Promise.reject(new Error('as a whole')),
          }
          const source = new RegistrySource('registry', registry)
          const hanging = new Set<number>()
          const expected = [0, 0, 0]
          for (round of rounds) {
            const whole = [0, 1, 2].filter(at => !hanging.has(at) && round[at] === 'works')
            for (const at of [0, 1, 2]) {
              if (!hanging.has(at)) expected[at]++
              if (round[at] === 'hangs') hanging.add(at)
            }
            const collected = await source.collect(2)
            expect(await seriesIn(collected)).toEqual(whole.map(at => `m${at}{}`))
            expect(collected.errors).toHaveLength(3 - whole.length)
            expect(called).toEqual(expected)
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})
