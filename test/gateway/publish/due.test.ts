import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Due, EndDue } from '../../../gateway/publish/due.js'
import { AppendBound } from '../../../shared/kafka/append-bound.js'

const INTERVAL = 15_000
const key = Buffer.from('job\0a\0')
const NEVER = { changedAt: 0 }

/** All collection times that a gateway publishes between two times. */
function collected(from: number, until: number, step: number, changedAt = 0): number[] {
  const due = new Due(key, INTERVAL, { time: from, changedAt })
  const times: number[] = []
  for (let time = from; time <= until; time += step) {
    const taken = due.take(time)
    if (taken) times.push(taken.collectedAt)
  }
  return times
}

describe('due collections', () => {
  test('gateways that take over publish at the same times, without a hole', () => {
    const whole = collected(1_000_000, 1_300_000, 100)
    const handover = 1_123_456
    const both = [...collected(1_000_000, handover, 100), ...collected(handover, 1_300_000, 77)]
    expect([...new Set(both)]).toEqual(whole)
    expect(whole.slice(1).every((time, i) => time - whole[i] === INTERVAL)).toBe(true)
  })

  test('a collection before the last change is not made up', () => {
    const [first] = collected(1_000_000, 1_100_000, 100, 999_999)
    expect(first).toBeGreaterThanOrEqual(999_999)
  })

  test('of several that were missed the last one is published, and the others are counted', () => {
    const due = new Due(key, INTERVAL, { time: 1_000_000, ...NEVER })
    const first = due.take(1_000_000)!.collectedAt
    expect(due.take(first + 3.5 * INTERVAL)).toEqual({
      collectedAt: first + 3 * INTERVAL,
      skipped: 2,
    })
    expect(due.take(first + 3.9 * INTERVAL)).toBeUndefined()
  })

  test('an end has a number of its own, above every snapshot before it and below every one after', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000_000, max: 2_000_000 }), removedAt => {
        const end = new EndDue(key, INTERVAL, removedAt)
        expect(end.take(removedAt)).toBeUndefined()
        const number = end.take(removedAt + 2 * INTERVAL)!
        const times = collected(removedAt - 100_000, removedAt + 100_000, 50)
        expect(times).not.toContain(number)
        expect(times.filter(time => time <= removedAt).every(time => time < number)).toBe(true)
        expect(number - removedAt).toBeLessThanOrEqual(INTERVAL + 1)
      }),
    )
  })

  test('an end is repeated with the same number at each interval', () => {
    const end = new EndDue(key, INTERVAL, 1_000_000)
    const number = end.take(1_020_000)!
    expect(end.take(1_020_001)).toBeUndefined()
    expect(end.take(number + INTERVAL)).toBe(number)
    expect(end.take(number + INTERVAL)).toBeUndefined()
  })
})

test('nothing is collected later than the append times that the brokers answered', () => {
  const bound = new AppendBound()
  expect(bound.at(5)).toBe(Number.POSITIVE_INFINITY)
  bound.observe(-1, 5)
  expect(bound.at(5)).toBe(Number.POSITIVE_INFINITY)
  bound.observe(1_000_000, 100)
  expect(bound.at(350)).toBe(1_000_250)
})
