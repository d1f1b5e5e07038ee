import { expect, test } from 'vitest'
import { memoize } from '../../../shared/base/memoize.js'

test('what was said of a text is said again without working it out', () => {
  const asked: string[] = []
  const of = memoize(text => {
    asked.push(text)
    return false
  })
  expect([of('a'), of('a'), of('b'), of('a')]).toEqual([false, false, false, false])
  expect(asked).toEqual(['a', 'b'])
})

test('remembers only so many texts, and no long ones: strangers cannot fill the memory', () => {
  let worked = 0
  const of = memoize(text => {
    worked++
    return text.length
  })
  for (let i = 0; i < 1000; i++) of(`text ${i}`)
  of('text 0')
  expect(worked).toBe(1001)
  const long = 'x'.repeat(5000)
  expect([of(long), of(long)]).toEqual([5000, 5000])
  expect(worked).toBe(1003)
})
