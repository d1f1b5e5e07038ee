import { describe, expect, test } from 'vitest'
import type { ProtobufRefused } from '../../../../shared/metrics/protobuf/refusal.js'
import {
  DEFAULT_WRITE_LIMITS,
  type WriteLimits,
} from '../../../../shared/metrics/remote-write/limits.js'
import { WriteReader } from '../../../../shared/metrics/remote-write/reader.js'
import {
  isStaleMarkerAt,
  SYMBOL_NOT_UTF8,
  SYMBOL_OK,
  SYMBOL_TOO_LONG,
  type WriteProtocol,
} from '../../../../shared/metrics/remote-write/request.js'
import { described } from '../../../support/described-writes.js'
import { LongestSteps } from '../../../support/longest-step.js'
import { encodeV1, encodeV2 } from '../../../support/remote-write-schema.js'

const read = (bytes: Buffer, protocol: WriteProtocol = '2.0', limits: Partial<WriteLimits> = {}) =>
  new WriteReader({ ...DEFAULT_WRITE_LIMITS, ...limits }).read(bytes, protocol)

function refusal(
  bytes: Buffer,
  protocol: WriteProtocol = '2.0',
  limits: Partial<WriteLimits> = {},
): ProtobufRefused {
  try {
    read(bytes, protocol, limits)
  } catch (error) {
    return error as ProtobufRefused
  }
  throw new Error('it was not refused')
}

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
/** A field of bytes. */
const field = (number: number, ...parts: Buffer[]): Buffer => {
  const bytes = Buffer.concat(parts)
  const length: number[] = []
  let rest = bytes.length
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length, rest]), bytes])
}
const series = (...parts: Buffer[]) => Buffer.concat([field(4), field(5, ...parts)])

describe('2.0', () => {
  test('an empty request has no series', () => {
    expect(read(Buffer.alloc(0)).series).toBe(0)
  })

  test('symbols may come after the series that refer to them', () => {
    const bytes = Buffer.concat([
      field(5, hex('0a 02 01 02')),
      field(4),
      field(4, Buffer.from('a')),
      field(4, Buffer.from('b')),
    ])
    expect(described(read(bytes))[0].labels).toEqual(['a', 'b'])
  })

  test('references may be packed or not, and in several pieces', () => {
    const symbols = [field(4), field(4, Buffer.from('a')), field(4, Buffer.from('b'))]
    for (const refs of ['0a 02 01 02', '08 01 08 02', '0a 01 01 08 02', '0a 04 81 00 82 00'])
      expect(
        described(read(Buffer.concat([...symbols, field(5, hex(refs))])))[0].labels,
        refs,
      ).toEqual(['a', 'b'])
  })

  test('fields of later versions are skipped', () => {
    const bytes = series(hex('12 04 10 05 50 07'), hex('7a 01 00'), hex('98 06 01'))
    expect(described(read(bytes))[0].samples).toEqual([['0000000000000000', 5]])
  })

  test('a stale marker keeps its bits, and other NaNs theirs', () => {
    const marker = '0200000000 00 f0 7f'
    const quiet = '0100000000 00 f8 7f'
    const request = read(series(field(2, hex(`09 ${marker}`)), field(2, hex(`09 ${quiet}`))))
    expect(isStaleMarkerAt(request.bytes, request.valueAt[0])).toBe(true)
    expect(isStaleMarkerAt(request.bytes, request.valueAt[1])).toBe(false)
    const histogram = read(series(field(3, hex(`19 ${marker} 78 05`))))
    expect(histogram.histogramStale[0]).toBe(1)
    expect(histogram.histogramTimes[0]).toBe(5)
  })

  test('a created timestamp of earlier versions is that of the series', () => {
    expect(read(series(hex('30 07'))).createdAt[0]).toBe(7)
  })

  test('a text that cannot be used makes nothing else unusable', () => {
    const request = read(
      Buffer.concat([
        field(4),
        field(4, hex('ff')),
        field(4, Buffer.from('ab')),
        field(4, hex('c3a9')),
      ]),
      '2.0',
      { textBytes: 2 },
    )
    expect([...request.symbolStates.subarray(0, 4)]).toEqual([
      SYMBOL_OK,
      SYMBOL_NOT_UTF8,
      SYMBOL_OK,
      SYMBOL_OK,
    ])
    expect(request.symbols).toEqual(['', '', 'ab', 'é'])
    expect(
      read(Buffer.concat([field(4), field(4, Buffer.from('abc'))]), '2.0', { textBytes: 2 })
        .symbolStates[1],
    ).toBe(SYMBOL_TOO_LONG)
  })

  test('a request of protocol 1.0 has nothing', () => {
    const bytes = encodeV1({
      timeseries: [{ labels: [{ name: '__name__', value: 'up' }], samples: [{ value: 1 }] }],
    })
    expect(read(bytes).series).toBe(0)
  })

  test.each([
    [
      'a length beyond the end',
      '2a 05 00',
      'byte 1: a length of 5 bytes exceeds the 1 that are left',
    ],
    ['a message that ends within a key', '2a 01 80', 'byte 2: the message ends within a field'],
    [
      'a varint of eleven bytes',
      '2a 0d 30 ff ff ff ff ff ff ff ff ff ff 01 00',
      'byte 3: a varint is longer than 64 bits',
    ],
    ['field number 0', '02 00', 'byte 0: not a field number'],
    ['a group', '2a 01 3b', 'byte 3: field 7 is a group; groups are not supported'],
    [
      'a value of another wire type',
      '2a 04 12 02 08 01',
      'byte 5: field 1 has wire type 0, which is not that of its type',
    ],
    [
      'symbols as a number',
      '20 01',
      'byte 1: field 4 has wire type 0, which is not that of its type',
    ],
    [
      'a reference to nothing',
      '22 00 2a 04 0a 02 00 01',
      'byte 8: a reference to symbol 1, of 1; send all symbols',
    ],
    [
      'a help that refers to nothing',
      '22 00 2a 04 2a 02 18 05',
      'byte 8: a reference to symbol 5, of 1; send all symbols',
    ],
    [
      'a reference beyond 32 bits',
      '22 00 2a 09 0a 07 80 80 80 80 80 80 01',
      'byte 6: a reference to symbol 4398046511104',
    ],
    [
      'a name without a value',
      '22 00 2a 03 0a 01 00',
      'byte 7: a label of the series that ends here has a name without a value',
    ],
    [
      'a name without a value in an exemplar',
      '22 00 2a 05 22 03 0a 01 00',
      'byte 6: a label of an exemplar has a name without a value',
    ],
    [
      'a first symbol that is not empty',
      '22 01 61',
      'byte 0: the first symbol is not empty; begin with an empty one',
    ],
    [
      'a list of doubles with a rest',
      '2a 05 1a 03 6a 01 00',
      'byte 5: a list of doubles ends within one of them',
    ],
    ['a span that ends early', '2a 05 1a 03 42 01 08', 'byte 7: the message ends within a field'],
    [
      'a histogram with a sum of another type',
      '2a 04 1a 02 18 00',
      'byte 5: field 3 of a histogram has wire type 0, which is not that of its type',
    ],
  ])('%s is refused', (_, bytes, message) => {
    expect(refusal(hex(bytes)).message).toBe(message)
  })
})

describe('1.0', () => {
  test('equal texts are one symbol', () => {
    const labels = [{ name: 'job', value: 'job' }]
    const request = read(encodeV1({ timeseries: [{ labels }, { labels }] }), '1.0')
    expect(request.symbols).toEqual(['', 'job'])
    expect([...request.labelRefs.subarray(0, 4)]).toEqual([1, 1, 1, 1])
  })

  test('thousands of different texts are found again', () => {
    const timeseries = Array.from({ length: 6000 }, (_, i) => ({
      labels: [{ name: `n${i % 3000}`, value: `v${i % 2000}` }],
    }))
    const request = read(encodeV1({ timeseries }), '1.0')
    expect(request.symbols).toHaveLength(5001)
    expect(described(request).map(({ labels }) => labels)).toEqual(
      timeseries.map(({ labels: [{ name, value }] }) => [name, value]),
    )
  })

  test('metadata is that of the series in the same request whose family it is', () => {
    const named = (value: string) => ({ labels: [{ name: '__name__', value }], samples: [{}] })
    const request = read(
      encodeV1({
        timeseries: [named('a_bucket'), named('b_total'), named('a_total'), named('c')],
        metadata: [
          { type: 3, metricFamilyName: 'a', help: 'A', unit: 's' },
          { type: 1, metricFamilyName: 'b', help: 'B' },
          { type: 2, metricFamilyName: 'd' },
        ],
      }),
      '1.0',
    )
    expect(described(request).map(({ metadata }) => metadata)).toEqual([
      ['histogram', 'A', 's'],
      ['counter', 'B', ''],
      ['unknown', '', ''],
      ['unknown', '', ''],
    ])
    expect(request.families.map(({ name, isAttached }) => [name, isAttached])).toEqual([
      ['a', true],
      ['b', true],
      ['d', false],
    ])
  })

  test('a request of protocol 2.0 has nothing', () => {
    const bytes = encodeV2({
      symbols: ['', '__name__', 'up'],
      timeseries: [{ labelsRefs: [1, 2], samples: [{ value: 1 }] }],
    })
    expect(read(bytes, '1.0').series).toBe(0)
  })

  test.each([
    [
      'a label that ends early',
      '0a 04 0a 02 0a 05',
      'byte 5: a length of 5 bytes exceeds the 0 that are left',
    ],
    [
      'a label name as a number',
      '0a 04 0a 02 08 05',
      'byte 5: field 1 has wire type 0, which is not that of its type',
    ],
    [
      'labels as numbers',
      '0a 02 08 01',
      'byte 3: field 1 has wire type 0, which is not that of its type',
    ],
    [
      'metadata with a type as a text',
      '1a 03 0a 01 61',
      'byte 3: field 1 has wire type 2, which is not that of its type',
    ],
  ])('%s is refused', (_, bytes, message) => {
    expect(refusal(hex(bytes), '1.0').message).toBe(message)
  })
})

describe('limits', () => {
  const manySeries = (count: number) =>
    encodeV2({
      symbols: [''],
      timeseries: Array.from({ length: count }, () => ({ labelsRefs: [0, 0] })),
    })
  const oneSeries = (samples: number) =>
    encodeV2({
      symbols: [''],
      timeseries: [
        { samples: Array.from({ length: samples }, (_, i) => ({ value: i, timestamp: i })) },
      ],
    })

  test.each([
    ['series', { series: 2 }, manySeries(2), manySeries(3)],
    ['samples', { samples: 3 }, oneSeries(3), oneSeries(4)],
    ['labels', { labels: 1 }, series(hex('0a 02 00 00')), series(hex('0a 04 00 00 00 00'))],
    [
      'labels, not packed',
      { labels: 1 },
      series(hex('08 00 08 00')),
      series(hex('08 00 08 00 08 00 08 00')),
    ],
    ['totalLabels', { totalLabels: 2 }, manySeries(2), manySeries(3)],
    [
      'symbols',
      { symbols: 2 },
      encodeV2({ symbols: ['', 'a'] }),
      encodeV2({ symbols: ['', 'a', 'b'] }),
    ],
    ['exemplars', { exemplars: 1 }, series(field(4)), series(field(4), field(4))],
    [
      'labels of an exemplar',
      { labels: 1 },
      series(field(4, hex('0a 02 00 00'))),
      series(field(4, hex('0a 04 00 00 00 00'))),
    ],
    [
      'histogramBytes',
      { histogramBytes: 2 },
      series(field(3, hex('78 01'))),
      series(field(3, hex('78 80 01'))),
    ],
  ])('%s: a request at the limit is read, one above it refused', (_, limits, at, above) => {
    expect(() => read(at, '2.0', limits)).not.toThrow()
    expect(refusal(above, '2.0', limits).reason).toBe('limit')
  })

  test('1.0: families and symbols are limited', () => {
    const families = (count: number) =>
      encodeV1({ metadata: Array.from({ length: count }, () => ({ metricFamilyName: 'a' })) })
    expect(() => read(families(2), '1.0', { families: 2 })).not.toThrow()
    expect(refusal(families(3), '1.0', { families: 2 }).reason).toBe('limit')
    const labelled = encodeV1({ timeseries: [{ labels: [{ name: 'a', value: 'b' }] }] })
    expect(() => read(labelled, '1.0', { symbols: 3 })).not.toThrow()
    expect(refusal(labelled, '1.0', { symbols: 2 }).reason).toBe('limit')
  })
})

test('no step of a large request takes 10 ms', { retry: 2 }, () => {
  const unusual = field(2, hex('10 05 18 06 20 07'))
  const bodies: [Buffer, WriteProtocol][] = [
    [series(Buffer.concat(Array.from({ length: 900_000 }, () => unusual))), '2.0'],
    [
      Buffer.concat([
        field(4),
        ...Array.from({ length: 190_000 }, () => field(5, hex('0a 02 00 00 12 02 10 05'))),
      ]),
      '2.0',
    ],
    [
      Buffer.concat(
        Array.from({ length: 400_000 }, (_, i) => field(4, Buffer.from(i ? `s${i}` : ''))),
      ),
      '2.0',
    ],
    [
      Buffer.concat(
        Array.from({ length: 190_000 }, (_, i) =>
          field(1, field(1, field(1, Buffer.from('a')), field(2, Buffer.from(`v${i}`)))),
        ),
      ),
      '1.0',
    ],
    [series(field(3, field(9, Buffer.alloc(500_000, 1)))), '2.0'],
  ]
  for (const [bytes, protocol] of bodies) {
    const steps = new LongestSteps()
    const reader = new WriteReader()
    for (let i = 0; i < 4; i++) {
      steps.restart()
      steps.run(reader.readInSteps(bytes, protocol))
    }
    expect(steps.ms, steps.longest).toBeLessThan(10)
  }
})
