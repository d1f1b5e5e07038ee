import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CodecError, INFLATE_LIMIT, inflate } from '../../../shared/kafka/codecs.js'
import type { LogRecord } from '../../../shared/kafka/types.js'
import { encodeBatch } from '../../../shared/kafka/wire/produce.js'
import { readRecordSet } from '../../../shared/kafka/wire/record-set.js'
import { foreignCodecs } from '../../support/foreign-codecs.js'

const key = Buffer.from('job\0api\0')
const LIMITS = { records: 64, bytes: 64 * 1024 }

interface BatchOptions {
  base: number
  values: Buffer[]
  codec?: number
  control?: boolean
  /** Compresses the records without setting the codec. */
  compress?: (records: Buffer) => Buffer
  timestamp?: number
  /**
   * Whether the broker has replaced the timestamp of the producer by its own, five seconds later.
   */
  logAppend?: boolean
}

/** A batch as stored by a broker. */
function stored({
  base,
  values,
  codec = 0,
  control,
  compress,
  timestamp = 1_000,
  logAppend = true,
}: BatchOptions): Buffer {
  const plain = encodeBatch(
    values.map(value => ({ key, value })),
    timestamp,
  )
  const records = compress ? compress(plain.subarray(61)) : plain.subarray(61)
  const batch = Buffer.concat([plain.subarray(0, 61), records])
  batch.writeBigInt64BE(BigInt(base), 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt16BE(codec | (control ? 0x20 : 0) | (logAppend ? 0x08 : 0), 21)
  if (logAppend) batch.writeBigInt64BE(BigInt(timestamp + 5_000), 35)
  return batch
}

async function read(bytes: Buffer, from: number, limits = LIMITS) {
  const records: LogRecord[] = []
  const slices: number[] = []
  const faults: string[] = []
  let next = from
  const options = {
    inflate,
    inflateLimit: INFLATE_LIMIT,
    limits,
    onUnreadable: (_: number, count: number, error: Error) =>
      faults.push(`${count} ${error.message}`),
  }
  for await (const slice of readRecordSet(bytes, from, options)) {
    records.push(...slice.records)
    slices.push(slice.records.length)
    expect(slice.next).toBeGreaterThanOrEqual(next)
    next = slice.next
  }
  return { records, next, slices, faults, offsets: records.map(r => r.offset) }
}

const text = (...values: string[]) => values.map(value => Buffer.from(value))

describe('readRecordSet', () => {
  test('keys, values, offsets and times are read as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 40 }),
        fc.nat(2 ** 50),
        async (arrays, base) => {
          const values = arrays.map(a => Buffer.from(a))
          const { records, next } = await read(
            stored({ base, values, timestamp: 1_700_000_000_123 }),
            base,
          )
          expect(records.map(r => r.value)).toEqual(values)
          expect(records.map(r => r.offset)).toEqual(values.map((_, i) => base + i))
          expect(records.every(r => r.key?.equals(key) && r.timestamp === 1_700_000_005_123)).toBe(
            true,
          )
          expect(next).toBe(base + values.length)
        },
      ),
    )
  })

  test('all records of a batch have its append time', async () => {
    const { records } = await read(stored({ base: 0, values: text('a', 'b'), timestamp: 1_000 }), 0)
    expect(records.map(r => r.timestamp)).toEqual([6_000, 6_000])
  })

  test('a batch with the time of its producer yields its number of null records without a time, with any codec', async () => {
    for (const codec of [0, 1, 3]) {
      const set = Buffer.concat([
        stored({ base: 0, values: text('good') }),
        stored({ base: 1, values: text('x', 'y'), timestamp: 9e12, logAppend: false, codec }),
        stored({ base: 3, values: text('good again') }),
      ])
      const { records, faults } = await read(set, 0)
      expect(records.map(r => r.value?.toString() ?? r.unreadable)).toEqual([
        'good',
        'timestamp',
        'timestamp',
        'good again',
      ])
      expect(records.map(r => r.timestamp)).toEqual([6_000, -Infinity, -Infinity, 6_000])
      expect(faults).toEqual([expect.stringMatching(/^2 .*message\.timestamp\.type=LogAppendTime/)])
    }
  })

  test('records below the position are skipped, also within a batch', async () => {
    const set = Buffer.concat([
      stored({ base: 0, values: text('a', 'b') }),
      stored({ base: 2, values: text('c', 'd') }),
    ])
    expect((await read(set, 3)).offsets).toEqual([3])
    expect((await read(set, 1)).offsets).toEqual([1, 2, 3])
  })

  test('a batch that the response truncates is left for the next fetch', async () => {
    const whole = Buffer.concat([
      stored({ base: 0, values: text('a') }),
      stored({ base: 1, values: text('b') }),
    ])
    const first = stored({ base: 0, values: text('a') }).length
    for (let length = 0; length < whole.length; length++) {
      const { next } = await read(whole.subarray(0, length), 0)
      expect(next).toBe(length >= first ? 1 : 0)
    }
  })

  test('a slice ends at its limits, and its position follows its last record', async () => {
    const values = Array.from({ length: 10 }, () => Buffer.alloc(100))
    const { slices, offsets } = await read(stored({ base: 5, values }), 5, {
      records: 4,
      bytes: 1e6,
    })
    expect(slices).toEqual([4, 4, 2])
    expect(offsets).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
    expect(
      (await read(stored({ base: 5, values }), 5, { records: 100, bytes: 250 })).slices,
    ).toEqual([3, 3, 3, 1])
  })

  test('small batches share a slice', async () => {
    const set = Buffer.concat([0, 1, 2].map(base => stored({ base, values: text('x') })))
    expect((await read(set, 0)).slices).toEqual([3])
  })

  test('a gzip batch is read', async () => {
    const set = stored({ base: 7, values: text('a', 'b'), codec: 1, compress: gzipSync })
    expect((await read(set, 7)).records.map(r => r.value?.toString())).toEqual(['a', 'b'])
  })

  test('a batch with an unsupported codec yields its number of null records at their offsets', async () => {
    const set = Buffer.concat([
      stored({ base: 0, values: text('good') }),
      stored({ base: 1, values: text('x', 'y', 'z'), codec: 3 }),
      stored({ base: 4, values: text('good again') }),
    ])
    const { records, offsets, next, faults } = await read(set, 0)
    expect(offsets).toEqual([0, 1, 2, 3, 4])
    expect(records.map(r => r.unreadable)).toEqual([
      undefined,
      'codec',
      'codec',
      'codec',
      undefined,
    ])
    expect(records[4]!.value?.toString()).toBe('good again')
    expect(next).toBe(5)
    expect(faults).toEqual([expect.stringMatching(/^3 .*lz4.*compression.type=uncompressed/)])
  })

  test('records of an unreadable batch below the position are skipped', async () => {
    const set = stored({ base: 0, values: text('x', 'y', 'z'), codec: 3 })
    expect((await read(set, 2)).offsets).toEqual([2])
  })

  test('a batch with a wrong codec is unreadable, not fatal', async () => {
    const { records } = await read(stored({ base: 0, values: text('a', 'b'), codec: 1 }), 0)
    expect(records.map(r => r.unreadable)).toEqual(['codec', 'codec'])
  })

  test('control records advance the position and are not returned', async () => {
    const set = Buffer.concat([
      stored({ base: 0, values: text('a') }),
      stored({ base: 1, values: text('commit'), control: true }),
    ])
    const { offsets, next } = await read(set, 0)
    expect(offsets).toEqual([0])
    expect(next).toBe(2)
    expect((await read(set, 1)).next).toBe(2)
  })

  test('a batch without records after compaction advances the position', async () => {
    const batch = stored({ base: 3, values: text('a', 'b') })
    batch.writeInt32BE(0, 57)
    const { offsets, next } = await read(batch, 3)
    expect(offsets).toEqual([])
    expect(next).toBe(5)
  })

  test('a record that is longer than its batch makes the rest of the batch unreadable', async () => {
    const batch = stored({ base: 0, values: text('first', 'second') })
    // One byte of length, doubled by zigzag, then the first record; the second's length byte
    // follows.
    const lengthAt = 61 + 1 + (batch[61]! >> 1)
    batch[lengthAt] = 0x7e
    const { records, next } = await read(batch, 0)
    expect(records.map(r => r.unreadable)).toEqual([undefined, 'corrupt'])
    expect(next).toBe(2)
  })

  test('malformed records never make the reader throw, loop or go back', async () => {
    const first = stored({ base: 0, values: text('one', 'two', 'three') })
    const second = stored({ base: 3, values: text('four'), codec: 1, compress: gzipSync })
    const good = Buffer.concat([first, second])
    // The broker writes the headers; producers write the records.
    const foreign = fc.oneof(
      fc.integer({ min: 61, max: first.length - 1 }),
      fc.integer({ min: first.length + 61, max: good.length - 1 }),
    )
    const changes = fc.array(fc.tuple(foreign, fc.nat(255)), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(changes, async changed => {
        const bytes = Buffer.from(good)
        for (const [at, value] of changed) bytes[at] = value
        const { offsets, next } = await read(bytes, 0)
        expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b))
        expect(offsets.every(offset => offset >= 0 && offset <= 3)).toBe(true)
        expect(next).toBe(4)
      }),
      { numRuns: 500 },
    )
  })
})

describe('inflate', () => {
  test('a decompression bomb is refused at the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000))
    const refusal = inflate(1, bomb, 1_000_000)
    await expect(refusal).rejects.toThrow(CodecError)
    await expect(refusal).rejects.toThrow(/inflates to more than 1000000 bytes/)
  })

  test('snappy is inflated within the limit, and damaged snappy is refused', async () => {
    const bytes = Buffer.alloc(200_000, 'snappy')
    const stored = foreignCodecs[2](bytes)
    expect((await inflate(2, stored, 200_000)).equals(bytes)).toBe(true)
    await expect(inflate(2, stored, 199_999)).rejects.toThrow(/inflates to more than 199999 bytes/)
    await expect(inflate(2, stored.subarray(0, -1), 200_000)).rejects.toThrow(CodecError)
  })

  test('an unsupported codec is refused by its name', async () => {
    await expect(inflate(3, Buffer.alloc(10), 100)).rejects.toThrow(/lz4/)
    await expect(inflate(7, Buffer.alloc(10), 100)).rejects.toThrow(/codec 7/)
  })
})
