import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { PartCollector, type PartHeader } from '../../../shared/snapshot/part-collector.js'

const header = (
  sequence: number,
  part: number,
  parts: number,
  more: Partial<PartHeader> = {},
): PartHeader => ({
  incarnation: 1000,
  sequence,
  superseded: 0,
  collectedAt: 1000 + sequence,
  intervalMs: 1000,
  end: false,
  part,
  parts,
  ...more,
})

function collector(maxSize = 100) {
  const dropped: string[] = []
  const parts = new PartCollector<string>({
    maxSize,
    onDropped: payload => void dropped.push(payload),
  })
  const reasonOf = (...args: Parameters<typeof parts.add>) => {
    try {
      parts.add(...args)
    } catch (error) {
      return error instanceof RefusedError ? error.reason : error
    }
  }
  return { parts, dropped, reasonOf }
}

describe('parts of a snapshot', () => {
  test('are returned together and in order, whatever the order of arrival', () => {
    const { parts, dropped } = collector()
    expect(parts.add(header(0, 2, 3), 'c', 1)).toBeNull()
    expect(parts.add(header(0, 0, 3), 'a', 1)).toBeNull()
    expect(parts.size).toBe(2)
    expect(parts.add(header(0, 1, 3), 'b', 1)).toEqual(['a', 'b', 'c'])
    expect([parts.size, dropped]).toEqual([0, []])
  })

  test('of an incomplete snapshot are dropped when the next one arrives', () => {
    const { parts, dropped } = collector()
    parts.add(header(0, 0, 3), 'a', 1)
    parts.add(header(0, 1, 3), 'b', 1)
    expect(parts.add(header(1, 0, 1), 'whole', 1)).toEqual(['whole'])
    expect(dropped).toEqual(['a', 'b'])
  })

  test('of two runs of the app are never mixed', () => {
    const { parts, dropped, reasonOf } = collector()
    parts.add(header(0, 0, 2), 'old', 1)
    expect(parts.add(header(0, 1, 2, { incarnation: 1001 }), 'new', 1)).toBeNull()
    expect(dropped).toEqual(['old'])
    expect(reasonOf(header(0, 1, 2), 'late', 1)).toBe('incarnation')
    expect(parts.add(header(0, 0, 2, { incarnation: 1001 }), 'too', 1)).toEqual(['too', 'new'])
  })

  test('that arrive again are dropped', () => {
    const { parts, dropped, reasonOf } = collector(2)
    parts.add(header(0, 0, 2), 'a', 1)
    expect(parts.add(header(0, 0, 2), 'again', 1)).toBeNull()
    expect(parts.add(header(0, 1, 2), 'b', 1)).toEqual(['a', 'b'])
    expect(dropped).toEqual(['again'])
    expect(reasonOf(header(0, 0, 2), 'once more', 1)).toBe('order')
  })

  test('of an earlier snapshot are refused and do not affect the later one', () => {
    const { parts, reasonOf } = collector()
    parts.add(header(5, 0, 2), 'a', 1)
    expect(reasonOf(header(4, 1, 2), 'late', 1)).toBe('order')
    expect(parts.add(header(5, 1, 2), 'b', 1)).toEqual(['a', 'b'])
  })

  test('that contradict each other are refused', () => {
    const { parts, reasonOf } = collector()
    parts.add(header(0, 0, 2), 'a', 1)
    for (const wrong of [
      { parts: 3 },
      { collectedAt: 7 },
      { end: true },
      { superseded: 1 },
      { intervalMs: 2000 },
    ]) {
      expect(reasonOf(header(0, 1, 2, wrong), 'b', 1), JSON.stringify(wrong)).toBe('order')
    }
    expect(parts.add(header(0, 1, 2), 'b', 1)).toEqual(['a', 'b'])
  })

  test('that are too large together are refused, and those held are dropped', () => {
    const { parts, dropped, reasonOf } = collector(10)
    parts.add(header(0, 0, 4), 'a', 6)
    expect(reasonOf(header(0, 1, 4), 'b', 6)).toBe('limit')
    expect(reasonOf(header(0, 2, 4), 'c', 1)).toBe('limit')
    expect([dropped, parts.size]).toEqual([['a'], 0])
    parts.add(header(1, 0, 2), 'd', 5)
    expect(parts.add(header(1, 1, 2), 'e', 5)).toEqual(['d', 'e'])
  })

  test('of two gateways are never mixed, and the one that begins last is complete first', () => {
    const { parts, dropped } = collector()
    const a = { incarnation: 1, superseded: 7 }
    const b = { incarnation: 1, superseded: 8 }
    parts.add(header(5, 0, 2, a), 'a0', 1)
    parts.add(header(5, 0, 2, b), 'b0', 1)
    expect(parts.add(header(5, 1, 2, a), 'a1', 1)).toBeNull()
    expect(parts.add(header(5, 1, 2, b), 'b1', 1)).toEqual(['b0', 'b1'])
    expect(dropped).toEqual(['a0', 'a1'])
    // One gateway is behind the other.
    parts.add(header(6, 0, 2, a), 'c0', 1)
    parts.add(header(4, 0, 2, b), 'd0', 1)
    expect(parts.add(header(6, 1, 2, a), 'c1', 1)).toBeNull()
    expect(parts.add(header(4, 1, 2, b), 'd1', 1)).toEqual(['d0', 'd1'])
  })

  test('stay within the limit, and each is returned, dropped, refused or held, in any order of arrival', () => {
    const arrival = fc.record({
      incarnation: fc.constantFrom(0, 1, 1000, 1001),
      superseded: fc.nat(1),
      sequence: fc.nat(3),
      part: fc.nat(2),
      size: fc.nat(5),
    })
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 40 }), arrivals => {
        const { parts, dropped } = collector(8)
        let returned = 0
        let refused = 0
        arrivals.forEach(({ sequence, part, size, ...rest }, i) => {
          try {
            const complete = parts.add(header(sequence, part, 3, rest), String(i), size)
            returned += complete?.length ?? 0
          } catch (error) {
            expect(error).toBeInstanceOf(RefusedError)
            refused++
          }
          expect(parts.size).toBeLessThanOrEqual(8)
        })
        parts.discard()
        expect(returned + refused + dropped.length).toBe(arrivals.length)
        expect(new Set(dropped).size).toBe(dropped.length)
      }),
    )
  })
})
