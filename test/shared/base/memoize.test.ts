import { expect, test } from 'vitest'
import { memoize } from '../../../shared/base/memoize.js'

test('the result for a repeated text comes from the cache', () => {
  const computed: string[] = []
  const isNeeded = memoize(text => {
    computed.push(text)
    return false
  })
  expect(['a', 'a', 'b', 'a'].map(isNeeded)).toEqual([false, false, false, false])
  expect(computed).toEqual(['a', 'b'])
})

test('the cache is bounded: many texts empty it, and long texts are not cached', () => {
  let computations = 0
  const lengthOf = memoize(text => {
    computations++
    return text.length
  })
  for (let i = 0; i < 1000; i++) lengthOf(`text ${i}`)
  lengthOf('text 0')
  expect(computations).toBe(1001)
  const long = 'x'.repeat(5000)
  expect([lengthOf(long), lengthOf(long)]).toEqual([5000, 5000])
  expect(computations).toBe(1003)
})
