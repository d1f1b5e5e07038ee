import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runInSlices } from '../../../../shared/base/steps.js'
import { DEFAULT_LIMITS } from '../../../../shared/metrics/limits.js'
import { ProtobufReader } from '../../../../shared/metrics/protobuf/reader.js'
import { TextReader } from '../../../../shared/metrics/text/reader.js'
import { readBody, samplesOf, tryBody } from './read.js'
import { delimited, encode, type FamilyMessage, field, nested, TYPES } from './schema.js'

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url))

const gauge = (
  name: string,
  values: Record<string, number>,
  type = TYPES.GAUGE,
): FamilyMessage => ({
  name,
  type,
  metric: Object.entries(values).map(([i, value]) => ({
    label: [{ name: 'i', value: i }],
    gauge: { value },
  })),
})

describe('bodies of Go’s own encoder', () => {
  test.each(['process', 'types'])('give what our text reader makes of its text: %s', name => {
    const { exemplars, ...exposition } = readBody(fixture(`${name}.pb`))
    const text = new TextReader('push').read(fixture(`${name}.txt`))
    expect({ ...exposition, exemplars: null }).toEqual(text)
    expect(exposition.values.length).toBeGreaterThan(15)
    expect(exposition.families.length).toBeGreaterThan(3)
  })

  test('include exemplars of counters and buckets', () => {
    const { families, exemplars } = readBody(fixture('process.pb'))
    const series = families.flatMap(({ name, series }) => series.map(one => ({ name, ...one })))
    const seen = exemplars!.map(({ series: index, labels, value, timestamp }) => {
      expect(Number.isSafeInteger(timestamp)).toBe(true)
      const { name, suffix, labels: own } = series[index]
      return [name + suffix, own.map(label => label.value), value, labels]
    })
    expect(seen).toEqual([
      [
        'duration_seconds_bucket',
        ['1', 'us'],
        0.7,
        [
          { name: 'span_id', value: 'b' },
          { name: 'trace_id', value: 'a' },
        ],
      ],
      ['requests_total', ['GET', '/größe "x"\\\n'], 3, [{ name: 'trace_id', value: '4bf9' }]],
    ])
  })
})

describe('features that text does not have', () => {
  const exposition = readBody(fixture('beyond.pb'))
  const samples = Object.fromEntries(samplesOf(exposition))

  test('native histograms are left out and counted, and their classic buckets are kept', () => {
    expect(Object.keys(samples).filter(name => name.startsWith('native'))).toEqual([
      'native_bucket{le="1",of="both"}',
      'native_bucket{le="+Inf",of="both"}',
      'native_sum{of="both"}',
      'native_count{of="both"}',
      'native_bucket{le="1",of="classic"}',
      'native_bucket{le="+Inf",of="classic"}',
      'native_sum{of="classic"}',
      'native_count{of="classic"}',
    ])
    expect(Object.fromEntries(exposition.omitted)).toEqual({ native_histogram: 2 })
  })

  test('float counts override integer counts', () => {
    expect(samples['floats_bucket{le="2"}']).toBe(1.5)
    expect(samples['floats_bucket{le="+Inf"}']).toBe(2.5)
    expect(samples['floats_count{}']).toBe(2.5)
  })

  test('gauge histograms have the series names and le values of Prometheus', () => {
    expect(exposition.families[2]).toMatchObject({ name: 'queued', type: 'gaugehistogram' })
    expect(Object.keys(samples).filter(name => name.startsWith('queued'))).toEqual([
      'queued_bucket{le="1.0"}',
      'queued_bucket{le="+Inf"}',
      'queued_sum{}',
      'queued_count{}',
    ])
  })

  test('units, and timestamps of exemplars in milliseconds', () => {
    expect(exposition.families[3]).toMatchObject({
      name: 'waited_seconds_total',
      type: 'counter',
      unit: 'seconds',
    })
    expect(exposition.exemplars!.map(({ timestamp }) => timestamp)).toEqual(
      Array(3).fill(1700000000123),
    )
  })
})

describe('the families', () => {
  test('are the same object while only values change', async () => {
    const reader = new ProtobufReader()
    const body = (value: number, timestampMs?: number) =>
      encode(gauge('g', { a: value, b: value + 1 }), {
        name: 'h',
        type: TYPES.HISTOGRAM,
        metric: [
          {
            timestampMs,
            histogram: {
              bucket: [
                { upperBound: 1, cumulativeCount: value, exemplar: { value } },
                { upperBound: Number.NaN },
              ],
            },
          },
        ],
      })
    const first = await runInSlices(reader.readInSteps(body(1)))
    const second = await runInSlices(reader.readInSteps(body(2, 1000)))
    expect(second.families).toBe(first.families)
    expect([...second.values]).toEqual([2, 3, 2, 0, 0, 0, 0])
    expect([...second.timestamps!]).toEqual([Number.NaN, Number.NaN, 1000, 1000, 1000, 1000, 1000])
    expect(first.timestamps).toBeNull()
    expect(second.exemplars).toEqual([{ series: 2, labels: [], value: 2, timestamp: null }])
    expect([...first.values]).toEqual([1, 2, 1, 0, 0, 0, 0])
  })

  test('are the same object when the same labels are written in another order', () => {
    const reader = new ProtobufReader()
    const body = (...label: { name: string; value: string }[]) =>
      encode({ name: 'g', type: TYPES.GAUGE, metric: [{ label, gauge: { value: label.length } }] })
    const [a, b] = [
      { name: 'a', value: '1' },
      { name: 'b', value: '2' },
    ]
    const first = reader.read(body(a, b))
    expect(reader.read(body(b, a)).families).toBe(first.families)
    expect(reader.read(body(b, a)).families).toBe(first.families)
    expect(reader.read(body(b)).families).not.toBe(first.families)
  })

  test('are the same object when a native histogram comes beside the same buckets, which is counted', () => {
    const reader = new ProtobufReader()
    const body = (zeroCount?: number) =>
      encode({
        name: 'h',
        type: TYPES.HISTOGRAM,
        metric: [{ histogram: { bucket: [{ upperBound: 1 }], zeroCount } }],
      })
    const first = reader.read(body())
    const second = reader.read(body(1))
    expect(second.families).toBe(first.families)
    expect([first, second].map(({ omitted }) => omitted.get('native_histogram'))).toEqual([
      undefined,
      1,
    ])
  })

  test('are the same object after a body in between that was refused', () => {
    const reader = new ProtobufReader()
    const first = reader.read(encode(gauge('g', { a: 1 })))
    expect(() => reader.read(encode(gauge('g', { a: 1 }, TYPES.SUMMARY)))).toThrow(/no value/)
    expect(reader.read(encode(gauge('g', { a: 2 }))).families).toBe(first.families)
  })

  test('of two readings of one reader at the same time are kept apart', () => {
    const reader = new ProtobufReader()
    const page = (first: string) =>
      encode(
        gauge(
          'g',
          Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [i ? `${i}` : first, i])),
        ),
      )
    const bodies = [page('a'), page('b'), page('a')]
    reader.read(bodies[0])
    const readings = bodies.map(body => reader.readInSteps(body))
    const results = bodies.map((): unknown => undefined)
    while (results.includes(undefined))
      for (const [i, reading] of readings.entries()) {
        const step = reading.next()
        if (step.done && step.value) results[i] = step.value
      }
    for (const [i, body] of bodies.entries()) expect(results[i]).toEqual(readBody(body))
  })

  const [first, second] = [
    gauge('g', { a: 1, b: 2 }),
    {
      name: 'h',
      type: TYPES.HISTOGRAM,
      metric: [{ label: [], histogram: { bucket: [{ upperBound: 1 }] } }],
    },
  ]
  test.each<[string, FamilyMessage[]]>([
    ['a series more', [gauge('g', { a: 1, b: 2, c: 3 }), second]],
    ['a series less', [gauge('g', { a: 1 }), second]],
    ['another label value', [gauge('g', { a: 1, c: 2 }), second]],
    ['another name', [gauge('f', { a: 1, b: 2 }), second]],
    ['another help', [{ ...first, help: 'news' }, second]],
    [
      'another unit',
      [
        { ...first, name: 'g', unit: '' },
        { ...second, name: 'h_s', unit: 's' },
      ],
    ],
    ['a family less', [first]],
    [
      'another bound',
      [first, { ...second, metric: [{ histogram: { bucket: [{ upperBound: 2 }] } }] }],
    ],
    [
      'another number of buckets',
      [
        first,
        { ...second, metric: [{ histogram: { bucket: [{ upperBound: 1 }, { upperBound: 2 }] } }] },
      ],
    ],
    [
      'a label more',
      [
        first,
        {
          ...second,
          metric: [
            { label: [{ name: 'a', value: '' }], histogram: { bucket: [{ upperBound: 1 }] } },
          ],
        },
      ],
    ],
  ])('are rebuilt for %s, and equal those of a new reader', (_, after) => {
    const reader = new ProtobufReader()
    const before = reader.read(encode(first, second))
    const now = reader.read(encode(...after))
    expect(now.families).not.toBe(before.families)
    expect(now).toEqual(readBody(encode(...after)))
  })

  test('with the same name are merged', () => {
    expect(
      samplesOf(
        readBody(
          encode(gauge('g', { a: 1 }), gauge('other', { a: 2 }), gauge('g', { a: 3, b: 4 })),
        ),
      ),
    ).toEqual([
      ['g{i="a"}', 1],
      ['g{i="a"}', 3],
      ['g{i="b"}', 4],
      ['other{i="a"}', 2],
    ])
  })

  test('may have no metrics', () => {
    expect(readBody(encode({ name: 'later', type: TYPES.GAUGE, help: 'h' })).families).toEqual([
      { name: 'later', type: 'gauge', help: 'h', unit: '', series: [] },
    ])
  })

  test('of an empty body are an empty list', () => {
    expect(readBody(Buffer.alloc(0)).families).toEqual([])
  })
})

describe('the wire format', () => {
  const name = nested(1, 'a')
  const type = field(3, 0, TYPES.GAUGE)

  test('may have fields in any order, unknown fields and repeated fields', () => {
    const metric = nested(
      4,
      nested(2, field(9, 0, 1)),
      nested(1, nested(2, 'v'), nested(9, 'unknown'), nested(1, 'l')),
      field(14, 1, 1, 2, 3, 4, 5, 6, 7, 8),
      field(15, 5, 1, 2, 3, 4),
      field(6, 0, 5),
      field(6, 0, 6),
    )
    const body = delimited(metric, nested(9, 'unknown'), type, nested(1, 'b'), name)
    const exposition = readBody(body)
    expect(samplesOf(exposition)).toEqual([['a{l="v"}', 0]])
    expect([...exposition.timestamps!]).toEqual([6])
  })

  test('may have padded varints of up to ten bytes', () => {
    const padded = Buffer.concat([Buffer.from([0x85, 0x80, 0x80, 0x00]), name, type])
    expect(readBody(padded).families).toMatchObject([{ name: 'a', type: 'gauge' }])
  })

  test('is refused when truncated, except between families', () => {
    const body = fixture('beyond.pb')
    let boundaries = 0
    for (let length = 0; length < body.length; length++) {
      const cut = tryBody(body.subarray(0, length))
      if (typeof cut === 'string') expect(cut).toMatch(/^(end|name): byte \d+: /)
      else boundaries++
    }
    expect(boundaries).toBe(4)
  })

  test.each<[string, Buffer, RegExp]>([
    ['a group', delimited(name, field(9, 3)), /^syntax: byte 5: field 9 is a group/],
    ['the end of a group', delimited(name, field(9, 4)), /^syntax: .* is a group/],
    [
      'a wire type that does not exist',
      delimited(name, field(9, 6)),
      /^syntax: .* wire type 6, which does not exist/,
    ],
    ['field number 0', delimited(Buffer.from([0x02, 0x00])), /^syntax: byte 1: not a field number/],
    [
      'a field number beyond 29 bits',
      delimited(Buffer.from([0x82, 0x80, 0x80, 0x80, 0x10, 0])),
      /^syntax: byte 1: not a field number/,
    ],
    [
      'a known field of another type',
      delimited(field(1, 0, 5)),
      /^syntax: .* field 1 has wire type 0/,
    ],
    [
      'a varint of eleven bytes',
      delimited(name, field(3, 0, ...Array(10).fill(0x80), 0)),
      /^syntax: .* longer than 64 bits/,
    ],
    [
      'a varint of 65 bits',
      delimited(name, field(3, 0, ...Array(9).fill(0xff), 2)),
      /^syntax: .* longer than 64 bits/,
    ],
    [
      'a length beyond the message',
      delimited(field(1, 2, 5), Buffer.from('abcd')),
      /^end: byte 2: a length of 5 bytes exceeds the 4/,
    ],
    [
      'a length beyond the body',
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]),
      /^end: byte 0: a length of 34359738367 bytes/,
    ],
    [
      'a length of 2^64 - 1',
      Buffer.from([...Array(9).fill(0xff), 1]),
      /^end: byte 0: a length of 18446744073709552000/,
    ],
    [
      'a name that is not UTF-8',
      delimited(nested(1, Buffer.from([0xff])), type),
      /^encoding: byte 3: the name .* is not UTF-8/,
    ],
    [
      'a help that is not UTF-8',
      delimited(name, nested(2, Buffer.from([0xc3]))),
      /^encoding: .* help text is not UTF-8/,
    ],
    ['no name', delimited(type), /^name: byte 0: a metric family has no name/],
    ['an empty message', Buffer.from([0]), /^name: byte 0: /],
    ['a type that does not exist', delimited(name, field(3, 0, 6)), /^metadata: .* "a" has type 6/],
  ])('with %s is refused', (_, body, why) => {
    expect(tryBody(body)).toMatch(why)
  })
})

describe('metrics', () => {
  const label = (name: string, value = 'v') => ({ name, value })
  const refusal = (family: FamilyMessage) => tryBody(encode(family))

  test.each<[string, FamilyMessage, RegExp]>([
    [
      'without a value of their type',
      { name: 'a', metric: [{ gauge: { value: 1 } }] },
      /^value: byte 6: metric family "a" is a counter, and one of its metrics has no value/,
    ],
    [
      'with a label twice',
      { name: 'a', type: 1, metric: [{ label: [label('x'), label('x', 'w')], gauge: {} }] },
      /^duplicate: .* label "x" twice/,
    ],
    [
      'with a label without a name',
      { name: 'a', type: 1, metric: [{ label: [label('')], gauge: {} }] },
      /^label: .* no name/,
    ],
    [
      'with the label __name__',
      { name: 'a', type: 1, metric: [{ label: [label('__name__')], gauge: {} }] },
      /^label: .* reserved/,
    ],
    [
      'of a histogram with a label le',
      { name: 'a', type: 4, metric: [{ label: [label('le')], histogram: {} }] },
      /^duplicate: .* label "le" twice/,
    ],
    [
      'of a summary with a label quantile',
      { name: 'a', type: 2, metric: [{ label: [label('quantile')], summary: { quantile: [{}] } }] },
      /^duplicate: .* label "quantile" twice/,
    ],
    [
      'of a unit that the name does not end in',
      { name: 'a_seconds', type: 1, unit: 'bytes', metric: [] },
      /^metadata: .* unit "bytes" is not the end of the name/,
    ],
    [
      'whose exemplar has a label twice',
      { name: 'a', metric: [{ counter: { exemplar: { label: [label('x'), label('x')] } } }] },
      /^duplicate: .* exemplar has label "x" twice/,
    ],
  ])('%s are refused', (_, family, why) => {
    expect(refusal(family)).toMatch(why)
  })

  test('of one family with two types are refused', () => {
    expect(
      tryBody(encode(gauge('a', { x: 1 }), { ...gauge('a', {}), type: TYPES.SUMMARY })),
    ).toMatch(/^duplicate: byte 27: metric family "a" is a summary and was a gauge before/)
  })

  test('keep their series when their exemplar is too long, which is counted', () => {
    const exposition = readBody(
      encode({
        name: 'a',
        metric: [{ counter: { value: 7, exemplar: { label: [label('x', 'y'.repeat(2000))] } } }],
      }),
    )
    expect(samplesOf(exposition)).toEqual([['a{}', 7]])
    expect(exposition.exemplars).toBeNull()
    expect(Object.fromEntries(exposition.omitted)).toEqual({ exemplar_too_long: 1 })
  })
})

describe('limits', () => {
  const limits = { ...DEFAULT_LIMITS, samples: 10, labels: 3, nameBytes: 20, valueBytes: 30 }
  const many = (count: number, prefix = '') =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [prefix + i, i]))
  const label = (name: string, value: string) => [{ label: [{ name, value }], gauge: {} }]

  test.each<[string, FamilyMessage[], RegExp]>([
    ['series', [gauge('a', many(6)), gauge('b', many(5))], /more than 10 metrics/],
    [
      'series of a histogram',
      [
        {
          name: 'a',
          type: 4,
          metric: [{ histogram: { bucket: Array(9).fill({ upperBound: 1 }) } }],
        },
      ],
      /more than 10 series/,
    ],
    [
      'buckets',
      [
        {
          name: 'a',
          type: 4,
          metric: [{ histogram: { bucket: Array(11).fill({ upperBound: 1 }) } }],
        },
      ],
      /more than 10 buckets/,
    ],
    [
      'families',
      Object.keys(many(11)).map(i => ({ name: `n${i}` })),
      /more than 10 metric families/,
    ],
    [
      'labels',
      [
        {
          name: 'a',
          type: 1,
          metric: [
            { label: Object.keys(many(4, 'l')).map(name => ({ name, value: '' })), gauge: {} },
          ],
        },
      ],
      /more than 3 labels/,
    ],
    [
      'bytes of a name',
      [{ name: 'x'.repeat(21) }],
      /name of a metric family has 21 bytes, over the limit of 20/,
    ],
    [
      'bytes of a label name',
      [{ name: 'a', type: 1, metric: label('x'.repeat(21), '') }],
      /label name has 21 bytes/,
    ],
    [
      'bytes of a label value',
      [{ name: 'a', type: 1, metric: label('l', 'é'.repeat(16)) }],
      /label value has 32 bytes/,
    ],
    ['bytes of a help text', [{ name: 'a', help: 'x'.repeat(31) }], /help text has 31 bytes/],
    ['bytes of a unit', [{ name: 'a', unit: 'x'.repeat(21) }], /unit has 21 bytes/],
  ])('of %s are applied while reading', (_, families, why) => {
    const refused = tryBody(encode(...families), limits)
    expect(refused).toMatch(/^limit: byte \d+: /)
    expect(refused).toMatch(why)
  })

  test('allow the exact maximum', () => {
    const families = [
      { ...gauge('x'.repeat(20), many(9)), help: 'x'.repeat(30) },
      { name: 'a', type: 1, metric: label('l', 'é'.repeat(15)) },
    ]
    expect(readBody(encode(...families), limits).values).toHaveLength(10)
  })

  test('refuse a metric of more than 1 MiB before it is read', () => {
    expect(
      tryBody(
        encode({
          name: 'a',
          type: 4,
          metric: [{ histogram: { negativeCount: Array(200_000).fill(1) } }],
        }),
      ),
    ).toMatch(/^limit: .* a metric has \d+ bytes, over the limit of 1048576/)
  })

  test('bound the cost of a body with millions of empty metrics', () => {
    // 16 MiB: eight million metrics without fields.
    const metrics = Buffer.alloc(16 * 1024 * 1024, Buffer.from([0x22, 0x00]))
    const body = Buffer.concat([Buffer.from([0x80, 0x80, 0x80, 0x08]), metrics])
    expect(tryBody(body)).toMatch(/^limit: .* more than 50000 metrics/)
  })
})
