import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runNow } from '../../../shared/base/steps.js'
import { DEFAULT_LIMITS } from '../../../shared/metrics/limits.js'
import { SNAPSHOT_ENVELOPE, SNAPSHOT_FINGERPRINT } from '../../../shared/snapshot/envelope.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import { encodeSnapshot } from '../../../shared/snapshot/write.js'
import { canonicalForm, crc64Avro } from '../../support/avro-fingerprint.js'
import { type Sample, sample, snapshotSchema, snapshotType, toAvsc } from './avro.js'
import { double, Spelling, zigzag } from './spelling.js'

const encode = (s: Sample): Buffer =>
  encodeSnapshot(s.header, {
    layoutCompressed: s.layout.compressed,
    values: s.values,
    timestamps: s.timestamps,
    exemplars: s.exemplars,
  })

const reader = new SnapshotReader({ ...DEFAULT_LIMITS, parts: 10 })

/** Returns a refusal; any other error fails the test. */
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
    expect(crc64Avro(Buffer.from('"int"'))).toBe(0x7275d51a3f395c8fn) // value of the specification
    expect(crc64Avro(Buffer.from(canonicalForm(snapshotSchema)))).toBe(SNAPSHOT_FINGERPRINT)
  })

  test('avsc reads what we write', () => {
    fc.assert(
      fc.property(sample, s => {
        const record = encode(s)
        expect(record.subarray(0, 10)).toEqual(SNAPSHOT_ENVELOPE)
        // In objects of avsc, maps lose order and duplicates: write both sides with avsc to compare
        // them.
        const read = snapshotType.fromBuffer(record.subarray(10))
        expect(snapshotType.toBuffer(read)).toEqual(snapshotType.toBuffer(toAvsc(s)))
      }),
    )
  })

  test('we read what avsc writes', () => {
    fc.assert(
      fc.property(sample, s => {
        reader.open(Buffer.concat([SNAPSHOT_ENVELOPE, snapshotType.toBuffer(toAvsc(s))]))
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

  test('every valid encoding of a record is read as the same record', () => {
    fc.assert(
      fc.property(sample, fc.array(fc.nat(99), { minLength: 1, maxLength: 50 }), (s, choices) => {
        reader.open(Buffer.concat([SNAPSHOT_ENVELOPE, new Spelling(choices).record(s)]))
        expect(reader.header()).toEqual(s.header)
        const body = reader.body(s.values.length)
        expect([...body.values]).toEqual(s.values)
        expect(body.timestamps && [...body.timestamps]).toEqual(s.timestamps)
        expect(body.exemplars).toEqual(s.exemplars)
      }),
    )
  })

  test('a value can be any long; beyond 2^53 it becomes the nearest double', () => {
    const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    const edges = [2n ** 53n + 1n, -(2n ** 53n) - 2n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 54n + 2n]
    fc.assert(
      fc.property(fc.array(fc.oneof(long, fc.constantFrom(...edges)), { maxLength: 9 }), longs => {
        const record = encode(blank([]))
        const items = longs.flatMap(n => [zigzag(0), zigzag(n)])
        const count = longs.length ? [zigzag(longs.length)] : []
        const body = Buffer.concat([...count, ...items, Buffer.alloc(3)])
        reader.open(Buffer.concat([record.subarray(0, -3), body]))
        expect([...reader.body(longs.length).values]).toEqual(longs.map(Number))
      }),
      { examples: [[edges]] },
    )
  })

  test('fifty thousand blocks of one value each are read into the given array', () => {
    const count = 50_000
    const blocks = Buffer.concat(
      Array.from({ length: count }, (_, i) => Buffer.concat([zigzag(1), one(i)])),
    )
    const record = encode(blank([]))
    const into = new Float64Array(count)
    reader.open(Buffer.concat([record.subarray(0, -3), blocks, Buffer.alloc(3)]))
    expect(reader.body(count, into).values).toBe(into)
    expect(into[count - 1]).toBe(count - 1)
  })

  test('values are read into the given array if its length matches', () => {
    const into = new Float64Array(2)
    reader.open(encode(blank([5, 6])))
    expect(reader.body(2, into).values).toBe(into)
    reader.open(encode(blank([5, 6, 7])))
    expect(reader.body(3, into).values).not.toBe(into)
  })

  test('a record truncated at any byte is refused', () => {
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

  test('the reader accepts or refuses any bytes', () => {
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

  test('a count that exceeds the remaining bytes is refused before any allocation', () => {
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

  test('a negative length, number or part, and an interval out of bounds, are refused', () => {
    const header = blank([1]).header
    const refusedWith = (change: Partial<Sample['header']>) =>
      refusal(encode({ ...blank([1]), header: { ...header, ...change } }), 1)?.reason
    expect(refusedWith({})).toBeUndefined()
    for (const field of ['incarnation', 'sequence', 'superseded', 'collectedAt', 'part'] as const) {
      expect(refusedWith({ [field]: -1 }), field).toBe('limit')
    }
    expect(refusedWith({ part: 3, parts: 3 })).toBe('limit')
    expect(refusedWith({ parts: 11 })).toBe('limit')
    expect(refusedWith({ parts: 2 ** 40 })).toBe('limit')
    expect(refusedWith({ intervalMs: 999 })).toBe('limit')
    expect(refusedWith({ intervalMs: 120_001 })).toBe('limit')
    const relayed = { incarnation: 0, sequence: 5000, collectedAt: 5000 }
    expect(refusedWith({ ...relayed, intervalMs: 600_000 })).toBeUndefined()
    expect(refusedWith({ ...relayed, intervalMs: 600_001 })).toBe('limit')
    expect(refusedWith({ ...relayed, incarnation: 1, collectedAt: 5001 })).toBe('order')
    expect(refusedWith({ collectSeconds: Number.NaN })).toBe('limit')
    const record = encode(blank([1]))
    const negative = Buffer.concat([
      record.subarray(0, 10),
      zigzag(1),
      zigzag(-5),
      record.subarray(11),
    ])
    expect(refusal(negative, 1)?.reason).toBe('truncated')
  })

  test('another schema is refused as `schema`', () => {
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

  test('a target is recognised by its bytes, and also in another encoding', () => {
    const target = [
      { name: 'instance', value: 'ä:1' },
      { name: 'job', value: 'a' },
    ]
    const record = (labels: typeof target) => {
      const s = blank([7])
      return encode({ ...s, header: { ...s.header, target: labels } })
    }
    reader.open(record(target))
    const known = Buffer.from(reader.targetBytes)
    expect(reader.hasTarget(known)).toBe(true)
    const other = record([target[0], { name: 'job', value: 'b' }])
    reader.open(other)
    expect(reader.hasTarget(known)).toBe(false)
    const text = (t: string) => Buffer.concat([zigzag(Buffer.byteLength(t)), Buffer.from(t)])
    const blocks = target.flatMap(l => [zigzag(1), text(l.name), text(l.value)]) // a block for each
    const respelt = Buffer.concat([...blocks, zigzag(0)])
    reader.open(Buffer.concat([other.subarray(0, 10), respelt, other.subarray(10 + known.length)]))
    expect(reader.targetBytes).not.toEqual(known)
    expect(reader.hasTarget(known)).toBe(true)
    expect(reader.target()).toEqual(target)
    expect([...reader.body(1).values]).toEqual([7])
  })

  test('an exemplar of a missing series or with invalid labels is refused', () => {
    const reasonFor = (series: number, labels: { name: string; value: string }[]) =>
      refusal(
        encode({ ...blank([1]), exemplars: [{ series, labels, value: 1, timestamp: null }] }),
        1,
      )?.reason
    expect(reasonFor(0, [{ name: 'trace_id', value: 'a'.repeat(120) }])).toBeUndefined()
    expect(reasonFor(0, [{ name: 'trace_id', value: 'ä'.repeat(120) }])).toBeUndefined()
    expect(reasonFor(1, [])).toBe('layout')
    expect(reasonFor(-1, [])).toBe('layout')
    expect(reasonFor(0, [{ name: '', value: 'a' }])).toBe('label')
    expect(reasonFor(0, [{ name: 'a', value: '\0' }])).toBe('label')
    expect(
      reasonFor(0, [
        { name: 'a', value: '1' },
        { name: 'a', value: '2' },
      ]),
    ).toBe('label')
    expect(reasonFor(0, [{ name: 'trace_id', value: 'a'.repeat(121) }])).toBe('limit')
  })

  test('the writer throws a RangeError for a number that the schema cannot hold', () => {
    const s = blank([1])
    for (const sequence of [0.5, Number.NaN, 2 ** 53]) {
      expect(() => encode({ ...s, header: { ...s.header, sequence } })).toThrow(RangeError)
    }
    expect(() => encode({ ...s, timestamps: [1.5] })).toThrow(RangeError)
    expect(() => encode({ ...s, timestamps: [1, 2] })).toThrow(RangeError)
  })

  test('the bytes after the layout can be kept and read later', () => {
    reader.open(encode(blank([1, 2.5], [3, 4])))
    const kept = Buffer.from(reader.bodyBytes())
    reader.open(encode(blank([9])))
    const body = runNow(reader.bodySteps(kept, 2))
    expect([[...body.values], [...(body.timestamps ?? [])]]).toEqual([
      [1, 2.5],
      [3, 4],
    ])
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

function one(n: number): Buffer {
  return Buffer.concat(Number.isSafeInteger(n) ? [zigzag(0), zigzag(n)] : [zigzag(1), double(n)])
}
