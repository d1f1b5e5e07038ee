import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sortSteps } from '../../../shared/base/sort-steps.js'
import { runNow } from '../../../shared/base/steps.js'

describe('sorting in steps', () => {
  test('has the same result as a stable sort without steps', () => {
    const item = fc.record({ key: fc.nat(50), id: fc.nat() })
    const compare = (a: { key: number }, b: { key: number }) => a.key - b.key
    fc.assert(
      fc.property(fc.array(item, { minLength: 0, maxLength: 5000, size: 'max' }), items => {
        const sorted = runNow(sortSteps(items, compare))
        expect(sorted.map(({ id }) => id)).toEqual([...items].sort(compare).map(({ id }) => id))
      }),
      { numRuns: 20 },
    )
  })

  test('yields often while it sorts many items', () => {
    const steps = sortSteps(
      Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 50_000),
      (a, b) => a - b,
    )
    let yields = 0
    while (!steps.next().done) yields++
    expect(yields).toBeGreaterThan(100)
  })
})
