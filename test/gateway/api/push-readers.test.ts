import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PushReader } from '../../../gateway/api/push-reader.js'
import { PushReaders } from '../../../gateway/api/push-readers.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'

const options = { limits: DEFAULT_LIMITS, utf8Names: false }
const groupingOf = (job: string, instance: string) => [
  { name: 'instance', value: instance },
  { name: 'job', value: job },
]
const body = (series: number, value: number) =>
  Buffer.from(
    Array.from({ length: series }, (_, i) => `metric_${i}{label="value"} ${value + i}\n`).join(''),
  )

test('push groups that share a reader get what a reader of their own gives, in any order', async () => {
  const push = fc.record({
    job: fc.constantFrom('a', 'b'),
    instance: fc.constantFrom('1', '2', '3'),
    series: fc.constantFrom(1, 2, 5),
    value: fc.nat(100),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(push, { maxLength: 30 }), async pushes => {
      const readers = new PushReaders(options, 1e6)
      for (const { job, instance, series, value } of pushes) {
        const grouping = groupingOf(job, instance)
        const key = `${job}/${instance}`
        const read = await readers.read(key, grouping, 'text', body(series, value))
        const fresh = new PushReader(grouping, 'text', options)
        expect(read).toEqual(await fresh.read(body(series, value)))
      }
    }),
    { numRuns: 50 },
  )
})

test('a thousand push groups of one job need one copy of a body', async () => {
  const one = new PushReaders(options, 1e9)
  await one.read('a/0', groupingOf('a', '0'), 'text', body(100, 0))
  const many = new PushReaders(options, 1e9)
  for (let i = 0; i < 1000; i++)
    await many.read(`a/${i}`, groupingOf('a', `${i}`), 'text', body(100, i))
  expect(many.bytes).toBeLessThan(700 * one.bytes)
})

test('what is kept stays within its bound', async () => {
  const readers = new PushReaders(options, 200_000)
  for (let i = 0; i < 200; i++) {
    await readers.read(`${i % 7}/${i}`, groupingOf(`${i % 7}`, `${i}`), 'text', body(i, i))
    expect(readers.bytes).toBeLessThanOrEqual(200_000)
  }
})
