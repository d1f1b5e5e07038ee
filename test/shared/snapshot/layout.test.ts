import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Layout } from '../../../shared/metrics/layout.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { decodeLayout, encodeLayout, inflateLayout } from '../../../shared/snapshot/layout.js'
import { validateLayout } from '../../../shared/snapshot/validate.js'
import { layoutType } from './avro.js'
import { counterOf, layoutArbitrary } from './layouts.js'
import { Spelling, zigzag } from './spelling.js'

/** Returns a refusal; any other error fails the test. */
function refusal(act: () => unknown): RefusedError | null {
  try {
    act()
    return null
  } catch (error) {
    if (error instanceof RefusedError) return error
    throw error
  }
}

const bucket = (le: string): Layout => ({
  families: [
    {
      name: 'h',
      type: 'histogram',
      help: '',
      unit: '',
      series: [{ suffix: '_bucket', labels: [{ name: 'le', value: le }] }],
    },
  ],
})

describe('the layout codec', () => {
  test('avsc reads what we write, and we read what avsc writes', () => {
    fc.assert(
      fc.property(layoutArbitrary, layout => {
        const { bytes } = encodeLayout(layout)
        expect(bytes).toEqual(layoutType.toBuffer(layout))
        expect(decodeLayout(layoutType.toBuffer(layout))).toEqual(layout)
      }),
    )
  })

  test('every valid encoding of a layout is read as the same layout', () => {
    fc.assert(
      fc.property(layoutArbitrary, fc.array(fc.nat(99), { minLength: 1 }), (layout, choices) => {
        const bytes = new Spelling(choices).layout(layout)
        expect(decodeLayout(bytes)).toEqual(layout)
      }),
    )
  })

  test('twenty thousand different labels are read as avsc reads them', () => {
    const layout = { families: [counterOf(20_000)] }
    expect(decodeLayout(layoutType.toBuffer(layout))).toEqual(layout)
  })

  test('labels with equal hashes are distinguished by their bytes', () => {
    // So many labels include some with the same 32-bit hash.
    const count = 300_000
    const { bytes } = encodeLayout({ families: [counterOf(count)] })
    const { families } = decodeLayout(bytes, { ...DEFAULT_LIMITS, samples: count })
    const wrong = families[0].series.findIndex(({ labels }, i) => labels[0].value !== String(i))
    expect(wrong).toBe(-1)
  })

  test('equal labels become the same object', () => {
    const { series } = decodeLayout(
      encodeLayout({ families: [counterOf(3), counterOf(3, 'others')] }).bytes,
    ).families[1]
    expect(series[2].labels[1]).toBe(series[0].labels[1])
  })

  test('the id is the first half of the SHA-256 of the uncompressed layout', () => {
    const { id, bytes, compressed } = encodeLayout({ families: [counterOf(2)] })
    expect(Buffer.from(id, 'latin1')).toEqual(
      createHash('sha256').update(bytes).digest().subarray(0, 16),
    )
    expect(inflateLayout(id, compressed)).toEqual(bytes)
  })

  test('a layout with the id of another one, or not in gzip, is refused', () => {
    const one = encodeLayout({ families: [counterOf(2)] })
    const other = encodeLayout({ families: [counterOf(3)] })
    expect(refusal(() => inflateLayout(other.id, one.compressed))?.reason).toBe('layout')
    expect(refusal(() => inflateLayout(one.id, one.bytes))?.reason).toBe('layout')
    expect(refusal(() => inflateLayout(one.id, one.compressed.subarray(0, -9)))?.reason).toBe(
      'layout',
    )
  })

  test.each([
    ['1.0', '1'],
    ['+Inf', '+Inf'],
    ['inf', '+Inf'],
    ['Infinity', '+Inf'],
    ['-Inf', '-Inf'],
    ['1e-07', '1e-7'],
    ['0.10', '0.1'],
    ['.5', '0.5'],
    ['1000000000000000000000000', '1e+24'],
    ['nan', 'NaN'],
    ['ten', 'ten'],
    ['0x10', '0x10'],
    ['', ''],
  ])('le of %j is read as %j', (written, read) => {
    const layout = decodeLayout(encodeLayout(bucket(written)).bytes)
    expect(layout.families[0].series[0].labels).toEqual([{ name: 'le', value: read }])
  })

  test('le of a gauge is an ordinary label', () => {
    const family = { name: 'g', type: 'gauge', help: '', unit: '' } as const
    const layout: Layout = {
      families: [{ ...family, series: [{ suffix: '', labels: [{ name: 'le', value: '1.0' }] }] }],
    }
    expect(decodeLayout(encodeLayout(layout).bytes)).toEqual(layout)
  })

  test('a _created series is refused with its own message', () => {
    const layout = { families: [{ ...counterOf(1), series: [{ suffix: '_created', labels: [] }] }] }
    const { bytes } = encodeLayout(layout as unknown as Layout)
    expect(refusal(() => decodeLayout(bytes))).toMatchObject({
      reason: 'layout',
      message: expect.stringContaining('_created'),
    })
  })

  test('text that is not UTF-8 is refused', () => {
    const { bytes } = encodeLayout({ families: [counterOf(1, 'ab')] })
    bytes[bytes.indexOf('ab')] = 0xc3 // starts a character that b does not continue
    expect(refusal(() => decodeLayout(bytes))?.reason).toBe('label')
  })

  test('a layout truncated at any byte or followed by another byte is refused', () => {
    const { bytes } = encodeLayout({ families: [counterOf(3)] })
    for (let length = 0; length < bytes.length; length++) {
      expect(
        refusal(() => decodeLayout(bytes.subarray(0, length))),
        `${length} bytes`,
      ).not.toBeNull()
    }
    expect(refusal(() => decodeLayout(Buffer.concat([bytes, Buffer.alloc(1)])))?.reason).toBe(
      'truncated',
    )
  })

  test('the reader accepts or refuses any bytes', () => {
    const mutations = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(layoutArbitrary, mutations, (layout, list) => {
        const { bytes } = encodeLayout(layout)
        for (const [at, byte] of list) bytes[at % bytes.length] = byte
        refusal(() => validateLayout(decodeLayout(bytes)))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a hostile layout', () => {
  test('of a million empty families is refused', () => {
    const bytes = Buffer.concat([zigzag(1_000_000), Buffer.alloc(5_000_001)])
    expect(refusal(() => decodeLayout(bytes))?.reason).toBe('limit')
  })

  test('beyond the limits of series, labels or text is refused', () => {
    const limits = { ...DEFAULT_LIMITS, samples: 3, labels: 1, nameBytes: 8, valueBytes: 10 }
    const read = (layout: Layout) =>
      refusal(() => decodeLayout(encodeLayout(layout).bytes, limits))?.reason
    const only = (labels: { name: string; value: string }[]) => ({
      families: [{ ...counterOf(1), series: [{ suffix: '_total' as const, labels }] }],
    })
    expect(read(only([{ name: 'a', value: 'b' }]))).toBeUndefined()
    expect(
      read({
        families: [
          { ...counterOf(4), series: counterOf(4).series.map(s => ({ ...s, labels: [] })) },
        ],
      }),
    ).toBe('limit')
    expect(read(only([{ name: 'a', value: '' }, { name: 'b', value: '' }]))).toBe('limit') // biome-ignore format: one line
    expect(read(only([{ name: 'a'.repeat(9), value: '' }]))).toBe('limit')
    expect(read(only([{ name: 'a', value: 'ü'.repeat(6) }]))).toBe('limit')
  })

  test('with a count of two hundred million series in nine bytes allocates nothing', () => {
    const before = process.memoryUsage()
    const bytes = Buffer.concat([zigzag(1), Buffer.from([0, 0, 0, 0]), zigzag(200_000_000)])
    expect(refusal(() => decodeLayout(bytes, { ...DEFAULT_LIMITS, samples: 1e9 }))?.reason).toBe(
      'truncated',
    )
    expect(process.memoryUsage().heapUsed - before.heapUsed).toBeLessThan(10_000_000)
  })

  test('that inflates far beyond the limit is refused at the limit', () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
    const before = process.memoryUsage().arrayBuffers
    expect(
      refusal(() => inflateLayout('x'.repeat(16), bomb, { ...DEFAULT_LIMITS, bytes: 1_000_000 }))
        ?.reason,
    ).toBe('limit')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000)
  })

  test('of empty labels takes memory for references only', () => {
    const labels = Buffer.concat([zigzag(64), Buffer.alloc(128), zigzag(0)])
    const series = 50_000
    const bytes = Buffer.concat([
      zigzag(1),
      Buffer.from([2, 97, 2, 0, 0]), // counter "a"
      zigzag(series),
      ...Array.from({ length: series }, () => Buffer.concat([zigzag(0), labels])),
      Buffer.from([0, 0]),
    ])
    const { families } = decodeLayout(bytes)
    const distinct = new Set(families[0].series.flatMap(s => s.labels))
    expect(distinct.size).toBe(1)
    expect(refusal(() => validateLayout({ families }))?.reason).toBe('label')
  })
})
