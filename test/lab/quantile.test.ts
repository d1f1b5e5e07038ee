import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { distribution, median, quantile, trend } from '../../lab/stats/quantile.js'

describe('statistics', () => {
  test('quantile: the smallest value that is at least as large as the given share of the values', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect([0, 0.5, 0.99, 1].map(q => quantile(hundred, q))).toEqual([1, 50, 99, 100])
    expect(quantile([7], 0.99)).toBe(7)
    expect(quantile([], 0.5)).toBeNaN()
  })

  test('median: the middle value; NaN is ignored', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([Number.NaN, 5])).toBe(5)
    expect(median([])).toBeNaN()
  })

  test('distribution: ascends to the largest value and to a share of 1', () => {
    expect(distribution([2, 1, 4, 3])).toEqual([
      [1, 0.25],
      [2, 0.5],
      [3, 0.75],
      [4, 1],
    ])
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 500 }),
        values => {
          const steps = distribution(values, 50)
          expect(steps.length).toBeLessThanOrEqual(50)
          expect(steps.at(-1)).toEqual([[...values].sort((a, b) => a - b).at(-1), 1])
          for (const [x, share] of steps) {
            expect(
              values.filter(value => value <= x).length / values.length,
            ).toBeGreaterThanOrEqual(share)
          }
        },
      ),
    )
  })

  test('trend: the slope of a line, unchanged by a few outliers', () => {
    const line = Array.from({ length: 100 }, (_, x) => [x, 3 * x + 7] as [number, number])
    expect(trend(line)).toBeCloseTo(3, 9)
    for (let i = 0; i < 100; i += 10) line[i][1] = 1e6
    expect(trend(line)).toBeCloseTo(3, 1)
    expect(trend([[1, 1]])).toBeNaN()
  })
})
