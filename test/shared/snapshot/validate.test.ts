import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Layout, LayoutFamily, LayoutSeries } from '../../../shared/metrics/layout.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import type { Label } from '../../../shared/metrics/model.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { decodeLayout, encodeLayout } from '../../../shared/snapshot/layout.js'
import { SeriesSet } from '../../../shared/snapshot/series-set.js'
import { validateLayout, validateTarget } from '../../../shared/snapshot/validate.js'
import { counterOf, layoutArbitrary } from './layouts.js'

const reasonOf = (act: () => unknown) => {
  try {
    act()
  } catch (error) {
    return error instanceof RefusedError ? error.reason : error
  }
}
const target = (labels: Record<string, string>) =>
  Object.entries(labels).map(([name, value]) => ({ name, value }))
const family = (series: LayoutSeries[], more: Partial<LayoutFamily> = {}): LayoutFamily => ({
  name: 'f',
  type: 'gauge',
  help: '',
  unit: '',
  series,
  ...more,
})
const labelled = (...labels: [string, string][]): LayoutSeries => ({
  suffix: '',
  labels: labels.map(([name, value]) => ({ name, value })),
})
const reasonOfLayout = (...families: LayoutFamily[]) => reasonOf(() => validateLayout({ families }))

describe('a target', () => {
  test('with sorted labels including job is valid', () => {
    expect(
      reasonOf(() => validateTarget(target({ instance: 'a', job: 'b', ünïcode: 'c' }))),
    ).toBeUndefined()
  })

  test.each([
    ['label', 'has no job', { instance: 'a' }],
    ['label', 'has an empty job', { job: '' }],
    ['label', 'has an empty label', { instance: '', job: 'a' }],
    ['label', 'is not sorted', { job: 'a', instance: 'b' }],
    ['label', 'has a label without a name', { '': 'a', job: 'b' }],
    ['label', 'contains a NUL', { instance: 'a\0', job: 'b' }],
    ['label', 'contains a lone surrogate', { instance: '\ud800', job: 'b' }],
    ['reserved', 'has the job of the exposers', { job: 'kafka-exposer' }],
    ['reserved', 'has a reserved label name', { __address__: 'a', job: 'b' }],
    ['limit', 'has a label value that is too long', { instance: 'ü'.repeat(2049), job: 'b' }],
    ['limit', 'has a label name that is too long', { ['a'.repeat(1025)]: 'a', job: 'b' }],
  ])('is refused as %s when it %s', (reason, _, labels) => {
    expect(reasonOf(() => validateTarget(target(labels)))).toBe(reason)
  })

  test('is refused with a duplicate label or with too many labels', () => {
    const job = { name: 'job', value: 'a' }
    expect(reasonOf(() => validateTarget([job, job]))).toBe('label')
    const many = Array.from({ length: 65 }, (_, i) => ({
      name: `l${String(i).padStart(2, '0')}`,
      value: 'a',
    }))
    expect(reasonOf(() => validateTarget([job, ...many]))).toBe('limit')
  })
})

describe('a layout', () => {
  test('without errors is valid before it is written and after it was read', () => {
    fc.assert(
      fc.property(layoutArbitrary, layout => {
        validateLayout(layout)
        validateLayout(decodeLayout(encodeLayout(layout).bytes))
      }),
    )
  })

  test('is refused with a duplicate series, also across families', () => {
    expect(reasonOfLayout(family([labelled(['a', '1']), labelled(['a', '1'])]))).toBe(
      'duplicate_series',
    )
    const summary = family([{ suffix: '_count', labels: [] }], { name: 's', type: 'summary' })
    expect(reasonOfLayout(summary, family([labelled()], { name: 's_count' }))).toBe(
      'duplicate_series',
    )
    expect(
      reasonOfLayout(summary, family([labelled(['a', '1'])], { name: 's_count' })),
    ).toBeUndefined()
  })

  test('an empty label value is the same as no label, as in Prometheus', () => {
    expect(reasonOfLayout(family([labelled(['a', '']), labelled()]))).toBe('duplicate_series')
    expect(reasonOfLayout(family([labelled(['a', ''], ['b', '1']), labelled(['b', '1'])]))).toBe(
      'duplicate_series',
    )
    expect(
      reasonOfLayout(family([labelled(['a', '1'], ['b', '']), labelled(['a', ''], ['b', '1'])])),
    ).toBeUndefined()
  })

  test('buckets with different spellings of le are the same series', () => {
    const bucket = (le: string): LayoutSeries => ({
      suffix: '_bucket',
      labels: [{ name: 'le', value: le }],
    })
    const layout: Layout = {
      families: [family([bucket('1'), bucket('1.0')], { type: 'histogram' })],
    }
    expect(reasonOf(() => validateLayout(decodeLayout(encodeLayout(layout).bytes)))).toBe(
      'duplicate_series',
    )
  })

  test('is refused when a family appears twice, has no name, or ends in _total as a counter', () => {
    expect(reasonOfLayout(family([]), family([]))).toBe('layout')
    expect(reasonOfLayout(family([], { name: '' }))).toBe('layout')
    expect(reasonOfLayout(family([], { name: 'a_total', type: 'counter' }))).toBe('layout')
    expect(reasonOfLayout(family([], { name: 'a_total' }))).toBeUndefined()
  })

  test.each([
    ['gauge', '_total'],
    ['counter', '_sum'],
    ['histogram', ''],
    ['summary', '_bucket'],
    ['unknown', '_count'],
  ] as const)('is refused when a %s has suffix %j', (type, suffix) => {
    expect(reasonOfLayout(family([{ suffix, labels: [] }], { type }))).toBe('layout')
  })

  test.each([
    ['histogram', '_bucket', 'le'],
    ['summary', '', 'quantile'],
  ] as const)('is refused when a %s%s has no number in %s', (type, suffix, name) => {
    const series = (labels: Label[]) => reasonOfLayout(family([{ suffix, labels }], { type }))
    expect(series([])).toBe('label')
    expect(series([{ name, value: 'ten' }])).toBe('label')
    expect(series([{ name, value: '' }])).toBe('label')
    expect(series([{ name, value: '0.5' }])).toBeUndefined()
  })

  test('is refused for labels that are reserved, nameless, duplicate, unsorted or contain a NUL', () => {
    expect(reasonOfLayout(family([labelled(['__name__', 'x'])]))).toBe('reserved')
    expect(reasonOfLayout(family([labelled(['', 'x'])]))).toBe('label')
    expect(reasonOfLayout(family([labelled(['a', 'x'], ['a', 'y'])]))).toBe('label')
    expect(reasonOfLayout(family([labelled(['b', 'x'], ['a', 'y'])]))).toBe('label')
    expect(reasonOfLayout(family([labelled(['a', 'x\0'])]))).toBe('label')
    expect(reasonOfLayout(family([], { help: 'a\0b' }))).toBe('layout')
  })

  test('with shared label objects is checked as with separate ones', () => {
    const [x, y] = [labelled(['a', 'x']).labels[0], labelled(['b', 'y']).labels[0]]
    const series = (...labels: Label[]): LayoutSeries => ({ suffix: '', labels })
    expect(reasonOfLayout(family([series(x, y), series(x), series(y)]))).toBeUndefined()
    expect(reasonOfLayout(family([series(x, y), series(y, x)]))).toBe('label')
    const z = { name: 'c', value: 'z' }
    expect(reasonOfLayout(family([series(x, y), series(z, y)]))).toBe('label')
    expect(reasonOfLayout(family([series(x, y), series(x, x)]))).toBe('label')
    expect(reasonOfLayout(family([series(x, y), series(x, y)]))).toBe('duplicate_series')
  })

  test('with more series than the limit is refused before it is written', () => {
    const limits = { ...DEFAULT_LIMITS, samples: 4 }
    expect(reasonOf(() => validateLayout({ families: [counterOf(4)] }, limits))).toBeUndefined()
    expect(reasonOf(() => validateLayout({ families: [counterOf(5)] }, limits))).toBe('limit')
  })
})

test('the set of series agrees with a set of strings, also with many hash collisions', () => {
  const short = fc.constantFrom('', 'a', 'b', 'ab')
  const series = fc.tuple(short, fc.array(fc.tuple(short, short), { maxLength: 3 }))
  fc.assert(
    fc.property(
      fc.array(series, { maxLength: 80, size: 'max' }),
      fc.constantFrom(1, 2, 32),
      (list, probes) => {
        const set = new SeriesSet(list.length, probes)
        const reference = new Set<string>()
        for (const [name, pairs] of list) {
          const labels = pairs.map(([n, value]) => ({ name: n, value }))
          const identity = JSON.stringify([name, labels.filter(l => l.value !== '')])
          expect(set.add(name, labels)).toBe(!reference.has(identity))
          reference.add(identity)
        }
      },
    ),
  )
})

test('series with equal hashes are distinguished by their text', () => {
  // So many series include some with the same 32-bit hash.
  const count = 400_000
  const set = new SeriesSet(count)
  let added = 0
  for (let i = 0; i < count; i++) if (set.add('a', [{ name: 'code', value: `${i}x` }])) added++
  expect(added).toBe(count)
})
