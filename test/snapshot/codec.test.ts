import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ENVELOPE, SNAPSHOT_FINGERPRINT } from '../../shared/snapshot/envelope.js'
import { RefusedError } from '../../shared/snapshot/errors.js'
import { DEFAULT_LIMITS } from '../../shared/snapshot/limits.js'
import { SnapshotReader } from '../../shared/snapshot/read.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { canonicalForm, crc64Avro } from '../support/avro-fingerprint.js'
import { type Sample, sample, snapshotSchema, snapshotType, toAvsc } from './avro.js'

const encode = (s: Sample): Buffer =>
  encodeSnapshot(s.header, {
    layoutCompressed: s.layout.compressed,
    values: s.values,
    timestamps: s.timestamps,
    exemplars: s.exemplars,
  })

const reader = new SnapshotReader({ ...DEFAULT_LIMITS, parts: 10 })

/** What is refused for any other reason than RefusedError fails the test. */
function refusal(record: Buffer, series: number): RefusedError | null {
  try {
    reader.open(record)
    reader.header()
    reader.body(series)
    return null
  } catch (error) {
    if (error instanceof RefusedError) return error
    throw error
  }
}

describe('the snapshot codec', () => {
  test('the envelope carries the CRC-64-AVRO of snapshot.avsc', () => {
    expect(crc64Avro(Buffer.from('"int"'))).toBe(0x7275d51a3f395c8fn) // the value that the specification gives
    expect(crc64Avro(Buffer.from(canonicalForm(snapshotSchema)))).toBe(SNAPSHOT_FINGERPRINT)
  })

  test('what we write, avsc reads as the same', () => {
    fc.assert(
      fc.property(sample, s => {
        const record = encode(s)
        expect(record.subarray(0, 10)).toEqual(ENVELOPE)
        // Map keys lose their order and their duplicates in avsc's objects, so both sides go through its own writer.
        const read = snapshotType.fromBuffer(record.subarray(10))
        expect(snapshotType.toBuffer(read)).toEqual(snapshotType.toBuffer(toAvsc(s)))
      }),
    )
  })

  test('what avsc writes, we read as the same', () => {
    fc.assert(
      fc.property(sample, s => {
        reader.open(Buffer.concat([ENVELOPE, snapshotType.toBuffer(toAvsc(s))]))
        expect(reader.header()).toEqual(s.header)
        expect(reader.layout()).toEqual(s.layout.compressed)
        const body = reader.body(s.values.length)
        expect([...body.values]).toEqual(s.values)
        expect(body.timestamps && [...body.timestamps]).toEqual(s.timestamps)
        const sorted = (e: Sample['exemplars']) =>
          e?.map(x => ({ ...x, labels: [...x.labels].sort((a, b) => (a.name < b.name ? -1 : 1)) }))
        expect(sorted(body.exemplars as Sample['exemplars'])).toEqual(sorted(s.exemplars))
      }),
    )
  })

  test('an array in several blocks, with and without their sizes, is read as one', () => {
    const values = [1, 2.5, -3, 1e9, Number.NaN, 7]
    const record = encode(blank(values))
    const body = record.subarray(record.length - blockBytes(values))
    const head = record.subarray(0, record.length - body.length)
    const items = [one(1), one(2.5), one(-3), one(1e9), one(Number.NaN), one(7)]
    const sized = [
      zigzag(-3),
      zigzag(items.slice(0, 3).reduce((n, i) => n + i.length, 0)),
      ...items.slice(0, 3),
    ]
    const single = items.slice(3).flatMap(item => [zigzag(1), item])
    const blocks = Buffer.concat([...sized, ...single, zigzag(0), zigzag(0), zigzag(0)])
    reader.open(Buffer.concat([head, blocks]))
    expect([...reader.body(values.length).values]).toEqual(values)
  })

  test('a value array is read into the array at hand when it has the right length', () => {
    const into = new Float64Array(2)
    reader.open(encode(blank([5, 6])))
    expect(reader.body(2, into).values).toBe(into)
    reader.open(encode(blank([5, 6, 7])))
    expect(reader.body(3, into).values).not.toBe(into)
  })

  test('a record cut off at any byte is refused', () => {
    const record = encode(blank([1, 2.5, 300, 70_000, -5, 1e12], [1, 2, 3, 4, 5, 6]))
    for (let length = 0; length < record.length; length++) {
      expect(refusal(record.subarray(0, length), 6), `${length} bytes`).toBeInstanceOf(RefusedError)
    }
    expect(refusal(record, 6)).toBeNull()
  })

  test('bytes after the last field are refused', () => {
    const record = encode(blank([1]))
    expect(refusal(Buffer.concat([record, Buffer.from([0])]), 1)?.reason).toBe('truncated')
  })

  test('whatever the bytes are, the reader returns or refuses', () => {
    fc.assert(
      fc.property(
        sample,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (s, mutations) => {
          const record = encode(s)
          for (const [at, byte] of mutations) record[10 + (at % (record.length - 10))] = byte
          refusal(record, s.values.length)
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('a count that the bytes cannot hold is refused before anything is allocated', () => {
    const record = encode(blank([]))
    // The last three bytes: no values, no timestamps, no exemplars.
    const head = record.subarray(0, record.length - 3)
    const bomb = Buffer.concat([head, zigzag(200_000_000), Buffer.from([0, 0])])
    const before = process.memoryUsage().arrayBuffers
    expect(refusal(bomb, 200_000_000)?.reason).toBe('layout')
    expect(refusal(bomb, 3)).toBeInstanceOf(RefusedError)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
  })

  test('a varint of more than ten bytes, and a header number beyond 2^53, are refused', () => {
    const record = encode(blank([1]))
    const head = record.subarray(0, 11) // envelope and an empty target
    const rest = record.subarray(12)
    expect(refusal(Buffer.concat([head, Buffer.alloc(11, 0xff), rest]), 1)?.reason).toBe('limit')
    const beyond = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
    expect(refusal(Buffer.concat([head, beyond, rest]), 1)?.reason).toBe('limit')
  })

  test('a foreign schema is refused by its name', () => {
    const record = encode(blank([1]))
    record[5] ^= 1
    expect(refusal(record, 1)).toMatchObject({ reason: 'schema' })
    expect(refusal(Buffer.from('{"json": true}'), 1)).toMatchObject({ reason: 'schema' })
  })

  test('more or fewer values than the layout has series are refused', () => {
    const record = encode(blank([1, 2, 3]))
    expect(refusal(record, 2)?.reason).toBe('layout')
    expect(refusal(record, 4)?.reason).toBe('layout')
  })
})

function blank(values: number[], timestamps: number[] | null = null): Sample {
  return {
    header: {
      target: [],
      incarnation: 5,
      sequence: 0,
      superseded: 0,
      collectedAt: 0,
      intervalMs: 1000,
      collectSeconds: 0,
      part: 0,
      parts: 3,
      end: false,
      layoutId: 'x'.repeat(16),
    },
    layout: { id: '', bytes: Buffer.alloc(0), compressed: Buffer.alloc(0) },
    values,
    timestamps,
    exemplars: null,
  }
}

function zigzag(n: number): Buffer {
  const bytes: number[] = []
  let z = n >= 0 ? n * 2 : -n * 2 - 1
  while (z > 127) {
    bytes.push((z % 128) | 128)
    z = Math.floor(z / 128)
  }
  bytes.push(z)
  return Buffer.from(bytes)
}

function one(n: number): Buffer {
  if (Number.isSafeInteger(n)) return Buffer.concat([zigzag(0), zigzag(n)])
  const double = Buffer.alloc(8)
  double.writeDoubleLE(n)
  return Buffer.concat([zigzag(1), double])
}

const blockBytes = (values: number[]) =>
  zigzag(values.length).length + values.reduce((sum, v) => sum + one(v).length, 0) + 3
