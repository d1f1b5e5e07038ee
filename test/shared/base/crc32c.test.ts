import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c } from '../../../shared/base/crc32c.js'

/** Reference implementation, bit by bit as in the definition. */
function reference(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

describe('CRC-32C', () => {
  // Vectors of RFC 3720, appendix B.4, and the check value of "123456789".
  test.each([
    ['32 bytes of zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['32 bytes counting up', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['no bytes', Buffer.alloc(0), 0],
  ])('of %s equals the published value', (_, bytes, crc) => {
    expect(crc32c(bytes)).toBe(crc)
  })

  test('of any range of any bytes equals that of the reference', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (bytes, a, b) => {
        const [from, to] = [a, b].map(at => Math.min(at, bytes.length)).sort((x, y) => x - y)
        expect(crc32c(bytes, from, to)).toBe(reference(bytes.subarray(from, to)))
      }),
    )
  })

  test('of bytes that follow others continues theirs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, split) => {
        const at = Math.min(split, bytes.length)
        expect(crc32c(bytes, at, bytes.length, crc32c(bytes, 0, at))).toBe(reference(bytes))
      }),
    )
  })
})
