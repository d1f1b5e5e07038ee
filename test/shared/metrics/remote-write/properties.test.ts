import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runNow } from '../../../../shared/base/steps.js'
import { ProtobufRefused } from '../../../../shared/metrics/protobuf/refusal.js'
import { WriteReader } from '../../../../shared/metrics/remote-write/reader.js'
import type {
  WriteProtocol,
  WriteRequest,
} from '../../../../shared/metrics/remote-write/request.js'
import { RecordWriter } from '../../../../shared/metrics/remote-write/writer.js'
import {
  described,
  expectedV1,
  expectedV2,
  withoutHistogramBytes,
} from '../../../support/described-writes.js'
import { encodeV1, encodeV2 } from '../../../support/remote-write-schema.js'
import { messageV1, messageV2, time } from './arbitrary.js'

const reader = new WriteReader()

/** All series of a request in the records of one target. */
function recordsOf(request: WriteRequest, writer: RecordWriter, notAfter = Infinity): Buffer[] {
  writer.begin(request)
  for (let s = 0; s < request.series; s++)
    runNow(
      writer.add(s, request.labelRefs, request.labelsFrom[s], request.labelsFrom[s + 1], notAfter),
    )
  return writer.takeRecords()
}

const protocols: readonly [WriteProtocol, fc.Arbitrary<Buffer>][] = [
  ['1.0', messageV1.map(encodeV1)],
  ['2.0', messageV2.map(encodeV2)],
]

describe('reader', () => {
  test('2.0: reads what protobufjs reads', () => {
    fc.assert(
      fc.property(messageV2.map(encodeV2), bytes => {
        expect(withoutHistogramBytes(described(reader.read(bytes, '2.0')))).toEqual(
          expectedV2(bytes),
        )
      }),
    )
  })

  test('1.0: reads what protobufjs reads', () => {
    fc.assert(
      fc.property(
        messageV1.map(message => encodeV1({ ...message, metadata: [] })),
        bytes => {
          expect(withoutHistogramBytes(described(reader.read(bytes, '1.0')))).toEqual(
            expectedV1(bytes),
          )
        },
      ),
    )
  })

  test.each(protocols)(
    '%s: a request that ends early is refused, or is a shorter one',
    (protocol, bytes) => {
      fc.assert(
        fc.property(bytes, fc.double({ min: 0, max: 1, noNaN: true }), (message, share) => {
          const part = message.subarray(0, Math.floor(message.length * share))
          const read = attempt(part, protocol)
          if (read instanceof ProtobufRefused) expect(read.offset).toBeLessThanOrEqual(part.length)
        }),
      )
    },
  )

  test.each(protocols)(
    '%s: nothing but a refusal is thrown for changed bytes',
    (protocol, bytes) => {
      fc.assert(
        fc.property(
          bytes.filter(({ length }) => length > 0),
          fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
          (message, changes) => {
            const changed = Buffer.from(message)
            for (const [at, byte] of changes) changed[at % changed.length] = byte
            const read = attempt(changed, protocol)
            if (!(read instanceof ProtobufRefused)) checkInvariants(read)
          },
        ),
      )
    },
  )

  test.each(['1.0', '2.0'] as const)(
    '%s: nothing but a refusal is thrown for any bytes',
    protocol => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
          attempt(Buffer.from(bytes), protocol)
        }),
      )
    },
  )

  test('a request is not affected by the one before it', () => {
    fc.assert(
      fc.property(messageV2.map(encodeV2), messageV1.map(encodeV1), (second, first) => {
        const used = new WriteReader()
        used.read(first, '1.0')
        used.read(second, '2.0')
        used.release()
        expect(described(used.read(second, '2.0'))).toEqual(
          described(new WriteReader().read(second, '2.0')),
        )
      }),
    )
  })
})

describe('writer', () => {
  test.each(protocols)(
    '%s: the records have the series of the request, bit for bit',
    (protocol, bytes) => {
      fc.assert(
        fc.property(bytes, message => {
          const request = reader.read(message, protocol)
          const given = described(request)
          const [record, ...others] = recordsOf(request, new RecordWriter())
          expect(others).toEqual([])
          const written = new WriteReader().read(record ?? Buffer.alloc(0), '2.0')
          expect(described(written)).toEqual(given)
          expect(withoutHistogramBytes(described(written))).toEqual(
            expectedV2(record ?? Buffer.alloc(0)),
          )
        }),
      )
    },
  )

  test('2.0: small records hold the same items in the same order', () => {
    fc.assert(
      fc.property(messageV2.map(encodeV2), message => {
        const request = reader.read(message, '2.0')
        const given = described(request)
        const parts = recordsOf(request, new RecordWriter(200_100)).flatMap(record =>
          described(new WriteReader().read(record, '2.0')),
        )
        expect(itemsOf(parts)).toEqual(itemsOf(given))
      }),
    )
  })

  test('items that are too new are left out and counted', () => {
    fc.assert(
      fc.property(messageV2.map(encodeV2), time, (message, notAfter) => {
        const request = reader.read(message, '2.0')
        const given = described(request)
        const writer = new RecordWriter()
        const parts = recordsOf(request, writer, notAfter).flatMap(record =>
          described(new WriteReader().read(record, '2.0')),
        )
        const timely = itemsOf(given).filter(({ time }) => time <= notAfter)
        expect(itemsOf(parts)).toEqual(timely)
        const { samples, histograms, exemplars, tooNew } = writer.counts
        expect(samples + histograms + exemplars).toBe(timely.length)
        expect(tooNew).toBe(itemsOf(given).length - timely.length)
      }),
    )
  })
})

function attempt(bytes: Buffer, protocol: WriteProtocol): WriteRequest | ProtobufRefused {
  try {
    return reader.read(bytes, protocol)
  } catch (error) {
    if (error instanceof ProtobufRefused) return error
    throw error
  }
}

/** Every offset and reference points to something. */
function checkInvariants(request: WriteRequest): void {
  const { bytes, symbols, series } = request
  const texts = described(request)
  expect(texts).toHaveLength(series)
  for (let i = 0; i < request.labelsFrom[series]; i++)
    expect(symbols[request.labelRefs[i]]).toBeDefined()
  for (let i = 0; i < request.samplesFrom[series]; i++)
    expect(request.valueAt[i] + 8).toBeLessThanOrEqual(bytes.length)
}

interface Item {
  readonly labels: readonly string[]
  readonly item: unknown
  readonly time: number
}

function itemsOf(series: ReturnType<typeof described>): Item[] {
  return series.flatMap(({ labels, samples, histograms, exemplars }) => [
    ...samples.map(item => ({ labels, item, time: item[1] })),
    ...histograms.map(item => ({ labels, item, time: item[1] })),
    ...exemplars.map(item => ({ labels, item, time: item.time })),
  ])
}
