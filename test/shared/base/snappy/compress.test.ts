import fc from 'fast-check'
import { compressSync, uncompressSync } from 'snappy'
import { expect, test } from 'vitest'
import { decodeSnappyBlock } from '../../../../shared/base/snappy/block.js'
import { maxCompressedBytes, SnappyCompressor } from '../../../../shared/base/snappy/compress.js'

const compressor = new SnappyCompressor()

function compress(input: Uint8Array): Buffer {
  const output = Buffer.alloc(maxCompressedBytes(input.length))
  return output.subarray(0, compressor.compress(input, input.length, output))
}

/** Bytes that repeat themselves at random distances. */
const repetitive = fc
  .array(fc.tuple(fc.nat(70_000), fc.nat(300), fc.uint8Array({ maxLength: 40 })), {
    maxLength: 200,
  })
  .map(pieces => {
    let bytes = Buffer.alloc(0)
    for (const [distance, length, fresh] of pieces) {
      const from = Math.max(0, bytes.length - distance)
      bytes = Buffer.concat([bytes, bytes.subarray(from, from + length), fresh])
    }
    return bytes
  })

test('what is compressed is decompressed to the same by the native library and by ours', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 2000 }), repetitive), input => {
      const compressed = compress(input)
      expect(compressed.length).toBeLessThanOrEqual(maxCompressedBytes(input.length))
      expect(Buffer.compare(uncompressSync(compressed) as Buffer, Buffer.from(input))).toBe(0)
      expect(Buffer.compare(decodeSnappyBlock(compressed, input.length), input)).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test.each([0, 1, 14, 15, 16, 17, 65_535, 65_536, 65_537, 200_000])(
  '%i bytes of one value, and of no repetition',
  length => {
    const random = Buffer.alloc(length).map((_, i) => Math.imul(i, 2654435761) >>> 13)
    for (const input of [Buffer.alloc(length, 7), random]) {
      expect(decodeSnappyBlock(compress(input), length).equals(input)).toBe(true)
    }
  },
)

test('expositions become about as small as by the native library', () => {
  const lines = Array.from(
    { length: 2000 },
    (_, i) => `http_requests_total{code="${200 + (i % 7)}",path="/a/${i % 50}"} ${i * 31}\n`,
  )
  const input = Buffer.from(lines.join(''))
  const native = compressSync(input).length
  expect(compress(input).length).toBeLessThan(native * 1.1)
})
