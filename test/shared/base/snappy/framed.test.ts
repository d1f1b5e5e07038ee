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
  return Buffer.concat([Buffer.from([type, body.length, body.length >> 8, body.length >> 16]), body])
}

function plain(data: Uint8Array): Buffer {
  const crc = crc32c(data)
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0)
  return chunk(1, Buffer.concat([sum, data]))
}

describe('the framing format', () => {
  test('of whatever the reference compresses is read back', async () => {
    await fc.assert(
      fc.asyncProperty(compressible, async bytes => {
        expect(same(decoded(await framed(bytes)), bytes)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test('with plain chunks is what the reference reads too', async () => {
    const body = Buffer.concat([IDENTIFIER, plain(Buffer.from('some_metric 3.14\n')), plain(Buffer.alloc(0))])
    expect(decoded(body)).toEqual(Buffer.from('some_metric 3.14\n'))
    expect(await reference(body)).toEqual(decoded(body))
  })

  test('is read in steps to the same bytes', async () => {
    const bytes = Buffer.from('one line of some page\n'.repeat(100_000))
    const steps = snappyFramesSteps(await framed(bytes), 1 << 24)
    let turns = 0
    let step = steps.next()
    for (; !step.done; step = steps.next()) turns++
    expect(step.value.equals(bytes)).toBe(true)
    expect(turns).toBeGreaterThan(1)
  })

  test('that was cut off within a chunk is refused', async () => {
    const whole = await framed(Buffer.from('a page of metrics '.repeat(9)))
    for (let length = 1; length < whole.length; length++) {
      // Between the identifier and the first chunk a stream may end.
      if (length === IDENTIFIER.length) continue
      expect(decoded(whole.subarray(0, length)), `${length} bytes`).toMatch(/^malformed: /)
    }
  })

  test('that was changed in one bit is refused, or reads the same', async () => {
    const bytes = Buffer.from('a page of metrics, the second line of it\n'.repeat(9))
    const whole = await framed(bytes)
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const damaged = Buffer.from(whole)
      damaged[bit >> 3] ^= 1 << (bit & 7)
      const ours = decoded(damaged)
      // A chunk's type may become one that is to be skipped.
      if (typeof ours !== 'string') expect([0, bytes.length]).toContain(ours.length)
    }
  })

  test('is never made of arbitrary bytes after an identifier', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        const ours = decoded(Buffer.concat([IDENTIFIER, bytes]))
        if (typeof ours !== 'string') expect(ours).toHaveLength(0)
      }),
      { numRuns: 2000 },
    )
  })

  test('skips padding and what may be skipped, and takes a second identifier', () => {
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

  test('of nothing is nothing, as for Pushgateway', () => {
    expect(decoded(Buffer.alloc(0))).toEqual(Buffer.alloc(0))
    expect(decoded(IDENTIFIER)).toEqual(Buffer.alloc(0))
  })

  test.each<[string, Buffer, RegExp]>([
    ['a block', Buffer.from([1, 0, 0x61]), /does not begin with a stream identifier.* not a block/],
    ['another identifier', chunk(0xff, Buffer.from('sNaPpy')), /is not sNaPpY/],
    ['a reserved chunk', Buffer.concat([IDENTIFIER, chunk(2, Buffer.alloc(9))]), /reserved type 2/],
    [
      'a chunk without a checksum',
      Buffer.concat([IDENTIFIER, chunk(1, Buffer.alloc(3))]),
      /too short for its checksum/,
    ],
    [
      'a plain chunk of more than 64 KiB',
      Buffer.concat([IDENTIFIER, plain(Buffer.alloc(65_537))]),
      /has 65537 bytes of data/,
    ],
    [
      'a chunk with another checksum',
      Buffer.concat([IDENTIFIER, chunk(1, Buffer.from('wrong'))]),
      /checksum .* does not match/,
    ],
  ])('with %s is refused', (_, body, why) => {
    expect(decoded(body)).toMatch(why)
  })

  test('that would exceed the limit is refused before anything is decompressed', async () => {
    const body = await framed(Buffer.alloc(5_000_000))
    const before = process.memoryUsage().arrayBuffers
    expect(decoded(body)).toMatch(/^too_large: .* over the limit of 1048576/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
  })
})
