import fc from 'fast-check'
import { compressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import { SnappyError } from '../../../../shared/base/snappy/error.js'
import { snappyJavaSteps } from '../../../../shared/base/snappy/java.js'
import { runNow } from '../../../../shared/base/steps.js'
import { compressible, same } from './inputs.js'

const LIMIT = 1 << 20
const HEADER = Buffer.from('82534e41505059000000000100000001', 'hex')

function decoded(input: Uint8Array, limit = LIMIT): Buffer | string {
  try {
    return runNow(snappyJavaSteps(input, limit))
  } catch (error) {
    if (error instanceof SnappyError) return error.reason
    throw error
  }
}

function block(bytes: Uint8Array): Buffer {
  const compressed = compressSync(bytes)
  const length = Buffer.alloc(4)
  length.writeInt32BE(compressed.length)
  return Buffer.concat([length, compressed])
}

/** As snappy-java writes it, in blocks of `size` bytes. */
function framed(bytes: Uint8Array, size: number): Buffer {
  const blocks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) blocks.push(block(bytes.subarray(at, at + size)))
  return Buffer.concat([HEADER, ...blocks])
}

describe('snappy as Kafka has it', () => {
  test('what the library compressed is decompressed, in blocks of any size and as one block', () => {
    fc.assert(
      fc.property(compressible, fc.integer({ min: 1000, max: 40_000 }), (bytes, size) => {
        expect(same(decoded(framed(bytes, size)), bytes)).toBe(true)
        expect(same(decoded(compressSync(bytes)), bytes)).toBe(true)
      }),
    )
  })

  test('one stream may follow another', () => {
    const text = Buffer.from('one stream')
    const two = Buffer.concat([framed(text, 100), framed(text, 100)])
    expect(decoded(two).toString()).toBe('one streamone stream')
  })

  test('output over the limit is refused before it is allocated', () => {
    const bytes = Buffer.alloc(100_000, 'x')
    expect(same(decoded(framed(bytes, 30_000), 100_000), bytes)).toBe(true)
    expect(decoded(framed(bytes, 30_000), 99_999)).toBe('too_large')
    expect(decoded(compressSync(bytes), 99_999)).toBe('too_large')
  })

  test('truncated and changed input is decoded or refused, and nothing else is thrown', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 })
    fc.assert(
      fc.property(compressible, fc.nat(), changes, (bytes, cut, edits) => {
        const input = framed(bytes, 10_000)
        const part = Buffer.from(input.subarray(0, cut % (input.length + 1)))
        for (const [at, byte] of edits) if (part.length > 0) part[at % part.length] = byte
        const result = decoded(part)
        expect(typeof result === 'string' || result.length <= LIMIT).toBe(true)
      }),
    )
    expect(decoded(HEADER.subarray(0, 12))).toBe('malformed')
    expect(decoded(framed(Buffer.from('cut'), 100).subarray(0, -1))).toBe('malformed')
    expect(decoded(Buffer.alloc(0))).toBe('malformed')
  })

  test('a megabyte of empty blocks takes several steps', () => {
    const input = Buffer.concat([
      HEADER,
      ...Array.from({ length: 200_000 }, () => block(Buffer.alloc(0))),
    ])
    let steps = 0
    for (const _ of snappyJavaSteps(input, LIMIT)) steps++
    expect(steps).toBeGreaterThan(100)
  })
})
