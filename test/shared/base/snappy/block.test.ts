import fc from 'fast-check'
import { compressSync, uncompressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import { decodeSnappyBlock, snappyBlockSteps } from '../../../../shared/base/snappy/block.js'
import { SnappyError } from '../../../../shared/base/snappy/error.js'
import { compressible, same } from './inputs.js'

const LIMIT = 1 << 20

/** The output, or the reason of a SnappyError. Any other error fails the test. */
function decoded(input: Uint8Array, limit = LIMIT): Buffer | string {
  try {
    return decodeSnappyBlock(input, limit)
  } catch (error) {
    if (error instanceof SnappyError) return `${error.reason}: ${error.message}`
    throw error
  }
}

/** The output of the `snappy` package, or null if it refuses the input. */
function reference(input: Uint8Array): Buffer | null {
  try {
    return uncompressSync(Buffer.from(input)) as Buffer
  } catch {
    return null
  }
}

describe('the block format', () => {
  test('decompresses whatever the reference compresses', () => {
    fc.assert(
      fc.property(compressible, bytes => {
        expect(same(decoded(compressSync(bytes)), bytes)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('decompresses in steps to the same bytes', () => {
    const bytes = Buffer.from('one line of some page\n'.repeat(100_000))
    const steps = snappyBlockSteps(compressSync(bytes), 1 << 24)
    let yields = 0
    let step = steps.next()
    for (; !step.done; step = steps.next()) yields++
    expect(step.value.equals(bytes)).toBe(true)
    expect(yields).toBeGreaterThan(4)
  })

  test('is refused when it is truncated at any byte', () => {
    const compressed = compressSync(
      Buffer.from('a page of metrics, a page of metrics, and nothing else'.repeat(3)),
    )
    for (let length = 0; length < compressed.length; length++)
      expect(decoded(compressed.subarray(0, length)), `${length} bytes`).toMatch(/^malformed: /)
  })

  test('with changed bytes is refused if and only if the reference refuses it; otherwise outputs are equal', () => {
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(compressible, change, (bytes, changes) => {
        const input = Buffer.from(compressSync(bytes))
        for (const [at, byte] of changes) input[at % input.length] = byte
        expect(same(decoded(input, 2 ** 32), reference(input))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test('accepts arbitrary bytes only with the same output as the reference', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        const ours = decoded(bytes)
        if (typeof ours !== 'string') expect(ours).toEqual(reference(bytes))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a declared length', () => {
  test('above the limit is refused before allocation', () => {
    const before = process.memoryUsage().arrayBuffers
    // 4,294,967,295 bytes.
    expect(decoded(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]))).toMatch(
      /^too_large: .* 4294967295 bytes or more, over the limit of 1048576/,
    )
    expect(decoded(compressSync(Buffer.alloc(1001)), 1000)).toMatch(/^too_large: /)
    expect(decoded(compressSync(Buffer.alloc(1000)), 1000)).toEqual(Buffer.alloc(1000))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  })

  test('that the remaining bytes cannot produce is refused before allocation', () => {
    expect(decoded(Buffer.from([0xff, 0xff, 0x3f, 0, 0]))).toBe(
      'malformed: snappy: 2 bytes cannot decompress to the declared 1048575',
    )
  })

  test.each([
    ['of more than 32 bits', [0xff, 0xff, 0xff, 0xff, 0x1f], /exceeds 32 bits/],
    ['of six bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x00], /exceeds 32 bits/],
    ['that is incomplete', [0x80, 0x80], /ends within the length/],
    ['that is missing', [], /ends within the length/],
  ])('%s is refused', (_, bytes, why) => {
    expect(decoded(Buffer.from(bytes))).toMatch(why)
  })
})

describe('elements', () => {
  test.each<[string, number[], RegExp]>([
    ['a copy before the beginning', [4, 0x01, 0x01], /refers 1 bytes back, after 0 bytes/],
    ['a copy of offset 0', [5, 0x00, 0x61, 0x01, 0x00], /refers 0 bytes back/],
    [
      'a copy that ends in its offset',
      [8, 0x00, 0x61, 0x0e, 0x01],
      /ends before the declared length/,
    ],
    ['a literal that ends early', [5, 0x10, 0x61], /ends before the declared length/],
    [
      'a literal whose length ends early',
      [99, 0xf4, 0xff, 1, 1, 1],
      /ends before the declared length/,
    ],
    ['a literal longer than declared', [1, 0x04, 0x61, 0x61], /exceeds the declared length/],
    ['an element too many', [1, 0x00, 0x61, 0x00, 0x61], /exceeds the declared length/],
    [
      'a literal of 4 GiB',
      [9, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x61],
      /ends before the declared length/,
    ],
  ])('with %s are refused', (_, bytes, why) => {
    expect(decoded(Buffer.from(bytes))).toMatch(why)
  })

  test('of every kind are decoded, including copies with four-byte offsets, which current encoders do not write', () => {
    const bytes = Buffer.from([
      13, 0x04, 0x61, 0x62, 0x01, 0x02, 0x0a, 0x01, 0x00, 0x0f, 0x08, 0, 0, 0,
    ])
    expect(decoded(bytes)?.toString()).toBe('abababbbbbaba')
    expect(decoded(bytes)).toEqual(reference(bytes))
  })
})
