import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { distribution, median, quantile, trend } from '../../lab/stats/quantile.js'

describe('statistics against known answers', () => {
  test('a quantile is one of the figures: the smallest that is not below so large a share of them', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect([0, 0.5, 0.99, 1].map(share => quantile(hundred, share))).toEqual([1, 50, 99, 100])
    expect(quantile([7], 0.99)).toBe(7)
    expect(quantile([], 0.5)).toBeNaN()
  })

  test('the median is in the middle, and what was not measured does not count', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(median([Number.NaN, 5])).toBe(5)
    expect(median([])).toBeNaN()
  })

  test('a distribution ascends to the largest and to all', () => {
    expect(distribution([2, 1, 4, 3])).toEqual([
      [1, 0.25],
      [2, 0.5],
      [3, 0.75],
      [4, 1],
    ])
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 500 }), figures => {
        const steps = distribution(figures, 50)
        expect(steps.length).toBeLessThanOrEqual(50)
        expect(steps.at(-1)).toEqual([[...figures].sort((a, b) => a - b).at(-1), 1])
        for (const [x, share] of steps) {
          expect(figures.filter(figure => figure <= x).length / figures.length).toBeGreaterThanOrEqual(share)
        }
      }),
    )
  })

  test('a trend is the slope of a line, and a few outliers do not move it', () => {
    const line = Array.from({ length: 100 }, (_, x) => [x, 3 * x + 7] as [number, number])
    expect(trend(line)).toBeCloseTo(3, 9)
    for (let i = 0; i < 100; i += 10) line[i][1] = 1e6
    expect(trend(line)).toBeCloseTo(3, 1)
    expect(trend([[1, 1]])).toBeNaN()
  })
})
