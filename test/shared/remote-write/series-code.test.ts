import fc from 'fast-check'
import { uncompressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import { decodeSnappyBlock } from '../../../shared/base/snappy/block.js'
import { latin1 } from '../../../shared/exposition/layout-text.js'
import type { Layout } from '../../../shared/metrics/layout.js'
import type { Label } from '../../../shared/metrics/model.js'
import type { SampleBlock } from '../../../shared/remote-write/block.js'
import { Compiler } from '../../../shared/remote-write/compiler.js'
import type { RequestWriter } from '../../../shared/remote-write/request-writer.js'
import { SeriesCode } from '../../../shared/remote-write/series-code.js'
import type { SeriesTable } from '../../../shared/remote-write/series-table.js'
import { Writer1 } from '../../../shared/remote-write/writer-1.js'
import { Writer2 } from '../../../shared/remote-write/writer-2.js'
import { decodePlain } from '../../support/plain-writes.js'
import { tableOf } from '../../support/series-table.js'

const TIME = 1_750_000_000_123

interface Piece {
  readonly block: SampleBlock
  readonly from: number
  readonly to: number
}

function blockOf(
  table: SeriesTable,
  target: readonly Label[],
  more: Partial<SampleBlock>,
): SampleBlock {
  const values = target.map(({ value }) => latin1(value))
  const nothing = { indexes: null, values: null, times: null, exemplars: null }
  return { table, target: values, time: TIME, ...nothing, ...more }
}

function written(protocol: '1.0' | '2.0', writer: RequestWriter, pieces: readonly Piece[]) {
  for (const { block, from, to } of pieces) writer.addBlock(block, from, to)
  const { body, bytes, samples } = writer.finish()
  const message = decodeSnappyBlock(body, 1e8)
  expect(message.length).toBe(bytes)
  expect(message.equals(uncompressSync(body, { asBuffer: true }) as Buffer)).toBe(true)
  expect(samples).toBe(pieces.reduce((sum, { from, to }) => sum + to - from, 0))
  return { body, series: decodePlain(protocol, message) }
}

const histogram = (name: string, series: number, help = 'Help.'): Layout => ({
  families: [
    {
      name,
      type: 'gauge',
      help,
      unit: '',
      series: Array.from({ length: series }, (_, i) => ({
        suffix: '',
        labels: [
          { name: 'le', value: String(i % 7) },
          { name: 'route', value: `/r/${Math.floor(i / 7)}` },
          ...(i % 11 === 0 ? [{ name: 'zone', value: 'ä'.repeat(i % 90) }] : []),
        ].filter(({ value }) => value !== ''),
      })),
    },
  ],
})
const targetOf = (i: number): Label[] => [
  { name: 'instance', value: `10.0.0.${i}:80` },
  { name: 'job', value: 'api' },
]
const tables = [histogram('a', 300), histogram('b', 40, ''), histogram('c', 5)].map(layout =>
  tableOf(layout, targetOf(0)),
)
const anyValue = fc.oneof(
  fc.constantFrom(0, -0, 1, 1.5, 255, 256, 65_536, 0.1, Number.NaN, Number.NEGATIVE_INFINITY),
  fc.integer(),
  fc.double(),
)
const anyPiece = fc
  .record({
    table: fc.constantFrom(...tables),
    // Enough for references of two bytes.
    target: fc.integer({ min: 0, max: 200 }),
    time: fc.constantFrom(TIME, TIME + 1, TIME + 300),
    some: fc.array(anyValue, { minLength: 1, maxLength: 20 }),
    cut: fc.option(fc.tuple(fc.nat(), fc.nat()), { nil: null }),
    own: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ table, target, time, some, cut, own }): Piece => {
    const { series } = table
    const values = Float64Array.from({ length: series }, (_, i) => some[(i * i) % some.length])
    const from = cut ? cut[0] % series : 0
    const to = cut ? from + 1 + (cut[1] % (series - from)) : series
    const more = own === 0 ? { times: new Float64Array(series).fill(TIME - 7) } : {}
    const markers = own === 1 ? { values: null } : {}
    const block = blockOf(table, targetOf(target), { values, time, ...more, ...markers })
    return { block, from, to }
  })

describe('what is compressed by the code of a table', () => {
  test('is the same as what is written series by series, in any mixture', () => {
    fc.assert(
      fc.property(fc.array(anyPiece, { minLength: 1, maxLength: 8 }), pieces => {
        // The first request of its tables is written series by series.
        const expected = written('2.0', new Writer2(), pieces).series
        const plain = expected.map(({ labels, samples }) => ({ labels, samples }))
        // A few series per request are compiled at first, then all.
        let ms = 0.1
        let now = 0
        const clock = () => (now += ms)
        const writers = {
          '1.0': new Writer1(undefined, new Compiler(clock)),
          '2.0': new Writer2(new Compiler(clock)),
        }
        for (let round = 0; round < 5; round++) {
          if (round === 3) ms = 0
          expect(written('2.0', writers['2.0'], pieces).series).toEqual(expected)
          const { series } = written('1.0', writers['1.0'], pieces)
          expect(series.map(({ labels, samples }) => ({ labels, samples }))).toEqual(plain)
        }
      }),
      { numRuns: 20 },
    )
  })

  test('takes fewer bytes than what a search finds', () => {
    const pieces = Array.from({ length: 6 }, (_, t): Piece => {
      const values = Float64Array.from({ length: 300 }, (_, i) => i * (t + 1))
      return { block: blockOf(tables[0]!, targetOf(t), { values }), from: 0, to: 300 }
    })
    const writer = new Writer2(new Compiler(() => 0))
    const searched = written('2.0', writer, pieces).body.length
    for (let i = 0; i < 5; i++) written('2.0', writer, pieces)
    expect(written('2.0', writer, pieces).body.length).toBeLessThan(searched)
  })

  test('is read though a request with other blocks came between', () => {
    const writer = new Writer2(new Compiler(() => 0))
    const values = Float64Array.from({ length: 300 }, (_, i) => i)
    const whole = { block: blockOf(tables[0]!, targetOf(1), { values }), from: 0, to: 300 }
    const other = { ...whole, block: blockOf(tables[1]!, targetOf(2), { values }), to: 40 }
    const expected = written('2.0', writer, [whole, other]).series
    for (let i = 0; i < 3; i++) {
      written('2.0', writer, [whole])
      expect(written('2.0', writer, [whole, other]).series).toEqual(expected)
    }
  })

  test('is compiled within the time of a request, in which all codes share', () => {
    let now = 0
    const compiler = new Compiler(() => now)
    const slow = (name: number) =>
      new SeriesCode({
        series: 20,
        head: i => {
          now++
          return [name, i, 1, 2, 3]
        },
        tail: () => [0],
      })
    const codes = [slow(1), slow(2), slow(3)]
    for (let request = 0; ; request++) {
      compiler.restart()
      const begun = now
      const all = codes.map(code => code.compile(20, compiler))
      expect(now - begun).toBeLessThanOrEqual(5)
      if (all.every(Boolean)) break
      expect(request).toBeLessThan(60)
    }
  })

  test('is not one with a label that takes long to compile', () => {
    const head = () => new Array<number>(5000).fill(1)
    const code = new SeriesCode({ series: 3, head, tail: () => [0] })
    expect(code.compile(3, new Compiler(() => 0))).toBe(false)
  })
})

test('a small part of a large table has the symbols of that part only', () => {
  const large = tableOf(histogram('large', 2000), targetOf(0))
  const values = new Float64Array(2000)
  const writer = new Writer2()
  const whole = { block: blockOf(large, targetOf(1), { values }), from: 0, to: 2000 }
  const part = { ...whole, from: 500, to: 520 }
  for (let i = 0; i < 3; i++) {
    const { body, series } = written('2.0', writer, [part])
    expect(body.length).toBeLessThan(1000)
    expect(series).toEqual(written('2.0', new Writer2(), [whole]).series.slice(500, 520))
  }
})

test('a writer whose writing failed writes the next request as if nothing had been', () => {
  for (const [protocol, writer, fresh] of [
    ['1.0', new Writer1(), new Writer1()],
    ['2.0', new Writer2(), new Writer2()],
  ] as const) {
    const values = Float64Array.from({ length: 300 }, (_, i) => i)
    const good = { block: blockOf(tables[0]!, targetOf(1), { values }), from: 0, to: 300 }
    const bad = blockOf(tables[1]!, [], { values })
    for (let i = 0; i < 4; i++) {
      expect(() => {
        writer.addBlock(good.block, 0, 300)
        writer.addBlock({ ...bad, target: null as never }, 0, 40)
        writer.finish()
      }).toThrow()
      writer.discard()
      const { series } = written(protocol, writer, [good])
      expect(series).toEqual(written(protocol, fresh, [good]).series)
    }
  }
})
