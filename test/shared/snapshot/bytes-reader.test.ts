import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BytesReader } from '../../../shared/snapshot/bytes-reader.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { zigzag } from './spelling.js'

function read<T>(bytes: Buffer, act: (reader: BytesReader) => T): T | string {
  const reader = new BytesReader()
  reader.reset(bytes)
  try {
    return act(reader)
  } catch (error) {
    if (error instanceof RefusedError) return error.reason
    throw error
  }
}

describe('reading untrusted Avro', () => {
  test('a long of ten bytes with more than 64 bits is refused', () => {
    const ten = (last: number) => Buffer.from([...new Array<number>(9).fill(0xff), last])
    expect(read(ten(1), r => r.anyLong())).toBe(-(2 ** 63))
    expect(read(ten(2), r => r.anyLong())).toBe('limit')
    expect(read(ten(0x7f), r => r.anyLong())).toBe('limit')
    expect(read(ten(0x80), r => r.anyLong())).toBe('limit')
  })

  test('`long` reads every safe integer and refuses every other long', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), n => {
        expect(read(zigzag(n), r => r.long())).toBe(n)
      }),
    )
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }), n => {
        expect(read(zigzag(n), r => r.long())).toBe('limit')
        expect(read(zigzag(-n), r => r.long())).toBe('limit')
      }),
    )
  })

  test('a length beyond the remaining bytes is refused, whatever the limit', () => {
    const text = (length: number) => Buffer.concat([zigzag(length), Buffer.from('abc')])
    expect(read(text(3), r => r.string(9, 'it'))).toBe('abc')
    expect(read(text(4), r => r.string(9, 'it'))).toBe('truncated')
    expect(read(text(2 ** 40), r => r.string(2 ** 50, 'it'))).toBe('truncated')
    expect(read(text(3), r => r.string(2, 'it'))).toBe('limit')
    expect(read(text(-3), r => r.string(9, 'it'))).toBe('truncated')
  })

  test('a count of items that do not fit into the remaining bytes is refused', () => {
    const bytes = Buffer.concat([zigzag(3), Buffer.alloc(6)])
    expect(read(bytes, r => r.count(9, 0, 2, 'items'))).toBe(3)
    expect(read(bytes, r => r.count(9, 0, 3, 'items'))).toBe('truncated')
    expect(read(bytes, r => r.count(2, 0, 2, 'items'))).toBe('limit')
    expect(read(bytes, r => r.count(9, 7, 2, 'items'))).toBe('limit')
    const sized = (size: number) => Buffer.concat([zigzag(-3), zigzag(size), Buffer.alloc(6)])
    expect(read(sized(6), r => r.count(9, 0, 2, 'items'))).toBe(3)
    expect(read(sized(7), r => r.count(9, 0, 2, 'items'))).toBe('truncated')
    expect(read(sized(-1), r => r.count(9, 0, 2, 'items'))).toBe('truncated')
  })

  test('text that is not UTF-8 is refused, without replacement characters', () => {
    const ofBytes = (...bytes: number[]) =>
      read(Buffer.from([bytes.length * 2, ...bytes]), r => r.string(9, 'it'))
    expect(ofBytes(0xc3, 0xa4)).toBe('ä')
    expect(ofBytes(0xf0, 0x9f, 0x9a, 0x80)).toBe('🚀')
    for (const bad of [
      [0xc3],
      [0xff],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf5, 0x80, 0x80, 0x80],
    ]) {
      expect(ofBytes(...bad), String(bad)).toBe('label')
    }
  })
})
