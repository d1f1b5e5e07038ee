import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeLayout, encodeLayout } from '../../../shared/snapshot/layout.js'
import { PART_BYTES, planParts } from '../../../shared/snapshot/split.js'
import { sampleNames, validateParts } from '../../../shared/snapshot/validate.js'
import { encodeSnapshot } from '../../../shared/snapshot/write.js'
import { counterOf, layoutArbitrary } from './layouts.js'

const manyFamilies = (families: number, series: number) => ({
  families: Array.from({ length: families }, (_, i) => counterOf(series, `family${i}`)),
})

describe('splitting a snapshot', () => {
  test('a small snapshot is one part with the same layout', () => {
    const layout = manyFamilies(3, 10)
    const [part, ...rest] = planParts(layout)
    expect(rest).toEqual([])
    expect(part).toEqual({ layout: encodeLayout(layout), from: 0, to: 30 })
  })

  test('the parts contain all families in order, and each value once', () => {
    fc.assert(
      fc.property(layoutArbitrary, fc.integer({ min: 1, max: 3000 }), (layout, maxBytes) => {
        const parts = planParts(layout, maxBytes)
        expect(parts.flatMap(p => decodeLayout(p.layout.bytes).families)).toEqual(layout.families)
        let at = 0
        for (const { from, to, layout: own } of parts) {
          expect(from).toBe(at)
          const series = decodeLayout(own.bytes).families.reduce(
            (sum, f) => sum + f.series.length,
            0,
          )
          expect(to - from).toBe(series)
          at = to
        }
      }),
    )
  })

  test('no record is larger than 256 KiB, even with values of maximum size', () => {
    const layout = manyFamilies(500, 100)
    const values = new Float64Array(50_000).fill(Math.PI)
    const parts = planParts(layout)
    expect(parts.length).toBeGreaterThan(1)
    parts.forEach((part, i) => {
      const header = {
        target: [{ name: 'job', value: 'shop' }],
        incarnation: 1,
        sequence: 1,
        superseded: 0,
        collectedAt: 1,
        intervalMs: 1000,
        collectSeconds: 0,
        part: i,
        parts: parts.length,
        end: false,
        layoutId: part.layout.id,
      }
      const slice = values.subarray(part.from, part.to)
      const record = encodeSnapshot(header, {
        layoutCompressed: part.layout.compressed,
        values: slice,
      })
      expect(record.length).toBeLessThanOrEqual(PART_BYTES)
      expect(part.layout.bytes.length).toBeLessThanOrEqual(PART_BYTES)
    })
  })

  test('a family that exceeds the limit alone is not split', () => {
    const layout = { families: [counterOf(5, 'before'), counterOf(40_000), counterOf(5, 'after')] }
    const sizes = planParts(layout).map(part => part.to - part.from)
    expect(sizes).toEqual([5, 40_000, 5])
  })

  test('no sample name is in two parts', () => {
    const parts = planParts(manyFamilies(50, 100), 20_000).map(p =>
      sampleNames(decodeLayout(p.layout.bytes)),
    )
    expect(parts.length).toBeGreaterThan(1)
    validateParts(parts)
    expect(() => validateParts([...parts, parts[0]])).toThrow(/split between families/)
  })

  test('series with timestamps or exemplars make smaller parts', () => {
    const layout = manyFamilies(100, 20)
    expect(planParts(layout, 30_000, 100).length).toBeGreaterThan(planParts(layout, 30_000).length)
  })
})
