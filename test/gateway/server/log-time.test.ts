import { expect, test } from 'vitest'
import { LogTime } from '../../../gateway/server/log-time.js'

const NOW = 1_767_225_600_000

test('log time is unknown before the first answer, and goes on after it', () => {
  const time = new LogTime()
  expect(time.at(5)).toBe(Number.POSITIVE_INFINITY)
  expect(time.age(5)).toBe(Number.POSITIVE_INFINITY)
  time.observe(-1, 5)
  expect(time.at(5)).toBe(Number.POSITIVE_INFINITY)
  time.observe(NOW, 10)
  expect(time.at(10)).toBe(NOW)
  expect(time.at(1010)).toBe(NOW + 1000)
  expect(time.age(1010)).toBe(1000)
})

test('a broker whose clock is behind does not turn log time back', () => {
  const time = new LogTime()
  time.observe(NOW, 0)
  time.observe(NOW - 30_000, 1000)
  expect(time.at(1000)).toBe(NOW + 1000)
})

test('a broker whose clock was ahead is forgotten two minutes after it was set right', () => {
  const time = new LogTime()
  time.observe(NOW + 60_000, 0)
  time.observe(NOW + 61_000, 61_000)
  expect(time.at(61_000)).toBe(NOW + 121_000)
  time.observe(NOW + 122_000, 122_000)
  expect(time.at(122_000)).toBe(NOW + 122_000)
})

test('the first answer after a suspension, in which the clock stood still, counts', () => {
  const time = new LogTime()
  time.observe(NOW, 0)
  time.observe(NOW + 3_600_000, 10)
  expect(time.at(10)).toBe(NOW + 3_600_000)
})
