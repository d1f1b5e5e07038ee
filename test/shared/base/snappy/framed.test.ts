import fc from 'fast-check'
import { Compressor, Decompressor } from 'snappy'
import { describe, expect, test } from 'vitest'
import { crc32c } from '../../../../shared/base/crc32c.js'
import { SnappyError } from '../../../../shared/base/snappy/error.js'
import { decodeSnappyFrames, snappyFramesSteps } from '../../../../shared/base/snappy/framed.js'
import { compressible, same } from './inputs.js'

const LIMIT = 1 << 20

function decoded(input: Uint8Array, limit = LIMIT): Buffer | string {
  try {
    return decodeSnappyFrames(input, limit)
  } catch (error) {
    if (error instanceof SnappyError) return `${error.reason}: ${error.message}`
    throw error
  }
}

async function framed(bytes: Uint8Array): Promise<Buffer> {
  const compressor = new Compressor()
  const begin = compressor.update(bytes)
  return Buffer.concat([begin, await compressor.finish()])
}

async function reference(input: Uint8Array): Promise<Buffer | null> {
  try {
    const decompressor = new Decompressor()
    const begin = decompressor.update(input)
    return Buffer.concat([begin, await decompressor.finish()])
  } catch {
    return null
  }
}

const IDENTIFIER = Buffer.from('\xff\x06\0\0sNaPpY', 'latin1')

function chunk(type: number, body: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from([type, body.length, body.length >> 8, body.length >> 16]),
    body,
  ])
}

function plain(data: Uint8Array): Buffer {
  const crc = crc32c(data)
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0)
  return chunk(1, Buffer.concat([sum, data]))
}

describe('the framing format', () => {
  test('decompresses whatever the reference compresses', async () => {
    await fc.assert(
      fc.asyncProperty(compressible, async bytes => {
        expect(same(decoded(await framed(bytes)), bytes)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test('with uncompressed chunks decompresses as the reference does', async () => {
    const body = Buffer.concat([
      IDENTIFIER,
      plain(Buffer.from('some_metric 3.14\n')),
      plain(Buffer.alloc(0)),
    ])
    expect(decoded(body)).toEqual(Buffer.from('some_metric 3.14\n'))
    expect(await reference(body)).toEqual(decoded(body))
  })

  test('decompresses in steps to the same bytes', async () => {
    const bytes = Buffer.from('one line of some page\n'.repeat(100_000))
    const steps = snappyFramesSteps(await framed(bytes), 1 << 24)
    let yields = 0
    let step = steps.next()
    for (; !step.done; step = steps.next()) yields++
    expect(step.value.equals(bytes)).toBe(true)
    expect(yields).toBeGreaterThan(1)
  })

  test('is refused when it is truncated within a chunk', async () => {
    const compressed = await framed(Buffer.from('a page of metrics '.repeat(9)))
    for (let length = 1; length < compressed.length; length++) {
      // A stream may end after the identifier.
      if (length === IDENTIFIER.length) continue
      expect(decoded(compressed.subarray(0, length)), `${length} bytes`).toMatch(/^malformed: /)
    }
  })

  test('with one changed bit is refused or has the same output', async () => {
    const bytes = Buffer.from('a page of metrics, the second line of it\n'.repeat(9))
    const compressed = await framed(bytes)
    for (let bit = 0; bit < compressed.length * 8; bit++) {
      const damaged = Buffer.from(compressed)
      damaged[bit >> 3] ^= 1 << (bit & 7)
      const ours = decoded(damaged)
      // The changed bit may turn the chunk type into a skippable one. The output is then empty.
      if (typeof ours !== 'string') expect([0, bytes.length]).toContain(ours.length)
    }
  })

  test('outputs nothing for arbitrary bytes after an identifier', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        const ours = decoded(Buffer.concat([IDENTIFIER, bytes]))
        if (typeof ours !== 'string') expect(ours).toHaveLength(0)
      }),
      { numRuns: 2000 },
    )
  })

  test('skips padding and skippable chunks, and accepts a second identifier', () => {
    const body = Buffer.concat([
      IDENTIFIER,
      chunk(0xfe, Buffer.alloc(70_000)),
      plain(Buffer.from('a')),
      chunk(0x80, Buffer.from('later')),
      IDENTIFIER,
      plain(Buffer.from('b')),
    ])
    expect(decoded(body)).toEqual(Buffer.from('ab'))
  })

  test('accepts an empty input and outputs nothing, as Pushgateway does', () => {
    expect(decoded(Buffer.alloc(0))).toEqual(Buffer.alloc(0))
    expect(decoded(IDENTIFIER)).toEqual(Buffer.alloc(0))
  })

  test.each<[string, Buffer, RegExp]>([
    ['a block', Buffer.from([1, 0, 0x61]), /does not begin with a stream identifier.* not a block/],
    ['a wrong identifier', chunk(0xff, Buffer.from('sNaPpy')), /is not sNaPpY/],
    ['a reserved chunk', Buffer.concat([IDENTIFIER, chunk(2, Buffer.alloc(9))]), /reserved type 2/],
    [
      'a chunk without a checksum',
      Buffer.concat([IDENTIFIER, chunk(1, Buffer.alloc(3))]),
      /too short for its checksum/,
    ],
    [
      'an uncompressed chunk of more than 64 KiB',
      Buffer.concat([IDENTIFIER, plain(Buffer.alloc(65_537))]),
      /has 65537 bytes of data/,
    ],
    [
      'a chunk with a wrong checksum',
      Buffer.concat([IDENTIFIER, chunk(1, Buffer.from('wrong'))]),
      /checksum .* does not match/,
    ],
  ])('with %s is refused', (_, body, why) => {
    expect(decoded(body)).toMatch(why)
  })

  test('is refused before decompression if its output would exceed the limit', async () => {
    const body = await framed(Buffer.alloc(5_000_000))
    const before = process.memoryUsage().arrayBuffers
    expect(decoded(body)).toMatch(/^too_large: .* over the limit of 1048576/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  })
})
