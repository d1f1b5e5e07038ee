import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  FAILURE_ENVELOPE,
  FAILURE_FINGERPRINT,
  SNAPSHOT_ENVELOPE,
} from '../../../shared/snapshot/envelope.js'
import { RefusedError } from '../../../shared/snapshot/errors.js'
import { encodeFailure, FAILURE_BYTES, failureLine } from '../../../shared/snapshot/failure.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import type { CollectionHeader } from '../../../shared/snapshot/types.js'
import { encodeSnapshot } from '../../../shared/snapshot/write.js'
import { canonicalForm, crc64Avro } from '../../support/avro-fingerprint.js'
import { collectionHeader, failureSchema, failureType, sample } from './avro.js'
import { zigzag } from './spelling.js'

const header: CollectionHeader = {
  target: [{ name: 'job', value: 'shop' }],
  incarnation: 5,
  sequence: 7,
  superseded: 2,
  collectedAt: 9,
  intervalMs: 1000,
  collectSeconds: 0.5,
}
const reader = new SnapshotReader()
const anyText = fc.string({ unit: 'binary', maxLength: 3000 })

/** A record with the header above and these bytes as its failure. */
const withBytes = (bytes: Buffer) =>
  Buffer.concat([encodeFailure(header, 'x').subarray(0, -2), zigzag(bytes.length), bytes])

function refusal(record: Buffer): RefusedError | null {
  try {
    reader.open(record)
    return null
  } catch (error) {
    if (error instanceof RefusedError) return error
    throw error
  }
}

describe('the record of a failed collection', () => {
  test('has an envelope with the CRC-64-AVRO of failure.avsc', () => {
    expect(crc64Avro(Buffer.from(canonicalForm(failureSchema)))).toBe(FAILURE_FINGERPRINT)
    expect(FAILURE_ENVELOPE.readBigUInt64LE(2)).toBe(FAILURE_FINGERPRINT)
  })

  test('is read by avsc as it was written', () => {
    fc.assert(
      fc.property(collectionHeader, anyText, (header, text) => {
        const record = encodeFailure(header, text)
        expect(record.subarray(0, 10)).toEqual(FAILURE_ENVELOPE)
        const given = { ...header, failure: failureLine(text) }
        expect(failureType.toBuffer(failureType.fromBuffer(record.subarray(10)))).toEqual(
          failureType.toBuffer(given),
        )
      }),
    )
  })

  test('written by avsc is read as part 0 of 1 without an end, whatever was read before', () => {
    fc.assert(
      fc.property(collectionHeader, sample, anyText, (header, before, text) => {
        const reader = new SnapshotReader()
        const { compressed } = before.layout
        reader.open(
          encodeSnapshot(before.header, { layoutCompressed: compressed, values: before.values }),
        )
        expect(reader.failure).toBeNull()
        const failure = failureLine(text)
        reader.open(Buffer.concat([FAILURE_ENVELOPE, failureType.toBuffer({ ...header, failure })]))
        expect(reader.failure).toBe(failure)
        expect(reader.header()).toEqual({ ...header, part: 0, parts: 1, end: false, layoutId: '' })
        expect(reader.hasLayoutId(Buffer.from(before.header.layoutId, 'latin1'))).toBe(false)
        expect(reader.layout()).toHaveLength(0)
        expect(() => reader.body(before.values.length)).toThrow(RefusedError)
      }),
    )
  })

  test('does not affect the snapshot that is read after it', () => {
    fc.assert(
      fc.property(sample, s => {
        const snapshot = { layoutCompressed: s.layout.compressed, values: s.values }
        const many = new SnapshotReader()
        many.open(encodeFailure(header, 'the registry is gone'))
        many.open(encodeSnapshot(s.header, snapshot))
        expect(many.failure).toBeNull()
        expect(many.header()).toEqual(s.header)
        expect([...many.body(s.values.length).values]).toEqual(s.values)
      }),
    )
  })

  test('is refused if it is truncated at any byte or followed by another byte', () => {
    const record = encodeFailure(header, 'the registry is gone')
    for (let length = 0; length < record.length; length++) {
      expect(refusal(record.subarray(0, length)), `${length} bytes`).toBeInstanceOf(RefusedError)
    }
    expect(refusal(record)).toBeNull()
    expect(refusal(Buffer.concat([record, Buffer.from([0])]))?.reason).toBe('truncated')
  })

  test('is accepted or refused for any bytes', () => {
    fc.assert(
      fc.property(
        collectionHeader,
        anyText,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (header, text, mutations) => {
          const record = encodeFailure(header, text)
          for (const [at, byte] of mutations) record[10 + (at % (record.length - 10))] = byte
          if (refusal(record)) return
          expect(Buffer.byteLength(reader.failure!)).toBeLessThanOrEqual(FAILURE_BYTES)
          expect(reader.failure).toMatch(/^[^\p{Cc}\u2028\u2029]+$/u)
        },
      ),
      { numRuns: 1000 },
    )
  })

  test.each([
    ['empty', '', 'label'],
    ['two lines', 'first\nsecond', 'label'],
    ['a carriage return', 'over\rwritten', 'label'],
    ['a NUL', 'a\0b', 'label'],
    ['an escape sequence', '\u001b[2J', 'label'],
    ['a Unicode line separator', 'a\u2028b', 'label'],
    ['1,025 bytes', 'x'.repeat(1025), 'limit'],
    ['1,026 bytes in 513 characters', 'ä'.repeat(513), 'limit'],
  ])('with a failure of %s is refused', (_, text, reason) => {
    expect(refusal(withBytes(Buffer.from(text)))?.reason).toBe(reason)
  })

  test('with a failure that is not UTF-8, or of a negative length, is refused', () => {
    expect(refusal(withBytes(Buffer.from([0x41, 0xff])))?.reason).toBe('label')
    const negative = Buffer.concat([encodeFailure(header, 'x').subarray(0, -2), zigzag(-1)])
    expect(refusal(negative)?.reason).toBe('truncated')
  })

  test('with the fingerprint of a snapshot is refused', () => {
    const record = encodeFailure(header, 'no')
    SNAPSHOT_ENVELOPE.copy(record)
    expect(refusal(record)).toBeInstanceOf(RefusedError)
  })

  test('has the same bounds for its numbers as a snapshot', () => {
    const refusedWith = (change: Partial<CollectionHeader>) =>
      refusal(encodeFailure({ ...header, ...change }, 'no'))?.reason
    expect(refusedWith({})).toBeUndefined()
    for (const field of ['incarnation', 'sequence', 'superseded', 'collectedAt'] as const)
      expect(refusedWith({ [field]: -1 }), field).toBe('limit')
    expect(refusedWith({ intervalMs: 999 })).toBe('limit')
    expect(refusedWith({ collectSeconds: Number.NaN })).toBe('limit')
    expect(() => encodeFailure({ ...header, sequence: 0.5 }, 'no')).toThrow(RangeError)
  })
})

describe('the reason of a failure', () => {
  test('is accepted by readers, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, fc.string({ unit: 'grapheme', maxLength: 2000 })), text => {
        reader.open(encodeFailure(header, text))
        expect(reader.failure).toBe(failureLine(text))
      }),
    )
  })

  test('is the text itself if that is one line', () => {
    expect(failureLine('the pool is gone: ECONNREFUSED 127.0.0.1:5432')).toBe(
      'the pool is gone: ECONNREFUSED 127.0.0.1:5432',
    )
  })

  test('has spaces instead of line breaks and control characters, and U+FFFD instead of lone surrogates', () => {
    expect(failureLine(' a\r\n\tb\0c\u001b[2J\ud800 ')).toBe('a b c [2J\ufffd')
  })

  test('of a long text is cut between two characters and ends in an ellipsis', () => {
    const cut = failureLine('🚀'.repeat(400))
    expect(cut).toBe(`${'🚀'.repeat(255)}…`)
    expect(Buffer.byteLength(failureLine('x'.repeat(1e6)))).toBe(FAILURE_BYTES)
  })

  test('of a blank text says that no reason was given', () => {
    expect(failureLine(' \n\0 ')).toBe('no reason was given')
  })
})
