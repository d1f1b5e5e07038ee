import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runNow } from '../../../shared/base/steps.js'
import { encodeLayout } from '../../../shared/snapshot/layout.js'
import { measureLayoutSteps } from '../../../shared/snapshot/layout-size.js'
import { layoutArbitrary } from './layouts.js'

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)

describe('the size of an encoded layout', () => {
  test('has its families, series and labels, for any layout', () => {
    fc.assert(
      fc.property(layoutArbitrary, layout => {
        const { families } = layout
        const labels = families.flatMap(({ series }) => series.flatMap(one => one.labels))
        expect(runNow(measureLayoutSteps(encodeLayout(layout).bytes))).toMatchObject({
          families: families.length,
          series: sum(families.map(({ series }) => series.length)),
          labels: labels.length,
          distinctLabels: labels.length,
          familyText: sum(
            families.map(({ name, help, unit }) => Buffer.byteLength(name + help + unit)),
          ),
        })
      }),
    )
  })

  test.each([[200_000], [2000], [50_000]])(
    'of 200,000 labels has about the %i that differ',
    distinct => {
      const series = Array.from({ length: 20_000 }, (_, s) => ({
        suffix: '' as const,
        labels: Array.from({ length: 10 }, (_, l) => ({
          name: 'l',
          value: `${(s * 10 + l) % distinct}`,
        })),
      }))
      const family = { name: 'x', type: 'gauge' as const, help: '', unit: '', series }
      const size = runNow(measureLayoutSteps(encodeLayout({ families: [family] }).bytes))
      expect(size.distinctLabels / distinct).toBeGreaterThan(0.95)
      expect(size.distinctLabels / distinct).toBeLessThan(1.05)
    },
  )

  test('is refused if the layout is truncated or has bytes after its end', () => {
    const { bytes } = encodeLayout({
      families: [{ name: 'x', type: 'gauge', help: 'H', unit: '', series: [] }],
    })
    for (let length = 0; length < bytes.length; length++)
      expect(() => runNow(measureLayoutSteps(bytes.subarray(0, length)))).toThrow(
        'ends within a field',
      )
    expect(() => runNow(measureLayoutSteps(Buffer.concat([bytes, Buffer.from([0])])))).toThrow(
      'follow the last',
    )
  })
})
