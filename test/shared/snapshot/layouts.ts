import fc from 'fast-check'
import { sortLabels } from '../../../shared/metrics/labels.js'
import {
  FAMILY_TYPES,
  type Layout,
  type LayoutFamily,
  SUFFIXES_OF,
} from '../../../shared/metrics/layout.js'
import type { Label } from '../../../shared/metrics/model.js'

/** Without underscores: otherwise `a` with `_sum` and `a_sum` could be the same sample. */
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
  .map(text => text.replaceAll('\0', '0').replaceAll('_', '-'))
const value = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map(text => text.replaceAll('\0', '0')),
  fc.constantFrom('GET', 'POST', '200', '/api/v1/resource', 'größe', ',b:', '"\\\n'),
)
const labels = fc
  .uniqueArray(fc.tuple(name, value), { selector: ([n]) => n, maxLength: 4 })
  .map(pairs => pairs.map(([n, v]) => ({ name: n, value: v })))
const bound = fc
  .oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer())
  .map(n => String(n))

const family: fc.Arbitrary<LayoutFamily> = fc
  .record({
    name,
    type: fc.constantFrom(...FAMILY_TYPES),
    help: value,
    unit: fc.constantFrom('', 'seconds'),
  })
  .chain(base =>
    fc
      .array(fc.tuple(fc.constantFrom(...SUFFIXES_OF[base.type]), labels, bound), { maxLength: 8 })
      .map(list => ({
        ...base,
        series: distinct(
          list.map(([suffix, own, number]) => {
            const needed =
              suffix === '_bucket'
                ? 'le'
                : base.type === 'summary' && suffix === ''
                  ? 'quantile'
                  : null
            const others = own.filter(l => l.name !== 'le' && l.name !== 'quantile')
            return {
              suffix,
              labels: sortLabels(needed ? [...others, { name: needed, value: number }] : others),
            }
          }),
        ),
      })),
  )

function distinct<T extends { suffix: string; labels: readonly Label[] }>(series: T[]): T[] {
  const identity = (s: T) => JSON.stringify([s.suffix, s.labels.filter(l => l.value !== '')])
  return [...new Map(series.map(s => [identity(s), s])).values()]
}

/** Any valid layout. */
export const layoutArbitrary: fc.Arbitrary<Layout> = fc
  .uniqueArray(family, { selector: f => f.name, maxLength: 6 })
  .map(families => ({ families }))

/** One family with a number of series that differ in one label. */
export function counterOf(series: number, name = 'requests'): LayoutFamily {
  return {
    name,
    type: 'counter',
    help: 'Requests',
    unit: '',
    series: Array.from({ length: series }, (_, i) => ({
      suffix: '_total' as const,
      labels: [
        { name: 'code', value: String(i) },
        { name: 'method', value: 'GET' },
      ],
    })),
  }
}
