import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeSnappyBlock } from '../../../shared/base/snappy/block.js'
import { latin1 } from '../../../shared/exposition/layout-text.js'
import type { Layout, LayoutFamily } from '../../../shared/metrics/layout.js'
import type { Exemplar, Label } from '../../../shared/metrics/model.js'
import { WRITE_TYPES } from '../../../shared/metrics/remote-write/request.js'
import type { SampleBlock } from '../../../shared/remote-write/block.js'
import type { RequestWriter } from '../../../shared/remote-write/request-writer.js'
import type { SeriesTable } from '../../../shared/remote-write/series-table.js'
import { Writer1 } from '../../../shared/remote-write/writer-1.js'
import { Writer2 } from '../../../shared/remote-write/writer-2.js'
import { decodePlain, type PlainSeries } from '../../support/plain-writes.js'
import { tableOf } from '../../support/series-table.js'

const TIME = 1_750_000_000_123
const WRITERS: readonly ['1.0' | '2.0', () => RequestWriter][] = [
  ['1.0', () => new Writer1()],
  ['2.0', () => new Writer2()],
]

function block(
  table: SeriesTable,
  target: readonly Label[],
  more: Partial<SampleBlock>,
): SampleBlock {
  return {
    table,
    target: target.map(({ value }) => latin1(value)),
    indexes: null,
    values: null,
    time: TIME,
    times: null,
    exemplars: null,
    ...more,
  }
}

function write(protocol: '1.0' | '2.0', writer: RequestWriter): PlainSeries[] {
  const { body, bytes } = writer.finish()
  const message = decodeSnappyBlock(body, 1e8)
  expect(message.length).toBe(bytes)
  return decodePlain(protocol, message)
}

const anyText = fc.string({ unit: 'binary', maxLength: 12 }).map(text => text.replaceAll('\0', ''))
const anyName = fc
  .oneof(fc.constantFrom('a', 'B', '_c', 'job', 'le', 'ä', 'x.y'), anyText)
  .filter(name => name !== '' && name !== '__name__')
const anyLabels = fc
  .uniqueArray(fc.record({ name: anyName, value: anyText }), {
    maxLength: 5,
    selector: ({ name }) => name,
  })
  .map(labels => labels.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))))
const anyLayout: fc.Arbitrary<Layout> = fc
  .array(
    fc.record({
      name: fc.oneof(
        fc.constantFrom('up', 'x_seconds', 'http.requests', 'ü'),
        fc.stringMatching(/^[a-z_]{1,8}$/),
      ),
      type: fc.constantFrom('unknown', 'gauge'),
      help: anyText,
      unit: fc.constantFrom('', 'seconds'),
      series: fc.array(fc.record({ suffix: fc.constant(''), labels: anyLabels }), {
        minLength: 1,
        maxLength: 4,
      }),
    }) as fc.Arbitrary<LayoutFamily>,
    { minLength: 1, maxLength: 4 },
  )
  .map(families => ({ families }))
const anyTarget = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom('job', 'instance', 'B', 'a', 'ä'),
      value: anyText.filter(text => text !== ''),
    }),
    {
      maxLength: 3,
      selector: ({ name }) => name,
    },
  )
  .map(labels => labels.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))))

/** What a series should be labelled, in the most obvious way. */
function expectedLabels(
  name: string,
  own: readonly Label[],
  target: readonly Label[],
  external: readonly Label[],
) {
  const taken = new Set(target.map(label => label.name))
  const names = new Set([...taken, '__name__', ...own.map(label => label.name)])
  const labels = [{ name: '__name__', value: name }]
  for (const label of own) {
    let renamed = label.name
    if (label.value === '') continue
    if (taken.has(renamed)) {
      do renamed = `exported_${renamed}`
      while (names.has(renamed))
      names.add(renamed)
    }
    labels.push({ name: renamed, value: label.value })
  }
  for (const label of external)
    if (
      label.value !== '' &&
      !taken.has(label.name) &&
      !labels.some(other => other.name === label.name)
    )
      labels.push(label)
  return [...labels, ...target]
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    .map(label => `${label.name}=${label.value}`)
}

describe.each(WRITERS)('protocol %s', (protocol, create) => {
  test('is read by protobufjs as it was written: names, labels, values, times, metadata', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyLayout, anyTarget), { minLength: 1, maxLength: 3 }),
        anyLabels.filter(labels => labels.every(({ name }) => name !== 'le')),
        fc.integer({ min: -10, max: 2 ** 43 }),
        (targets, external, time) => {
          const writer = create()
          for (let round = 0; round < 2; round++) {
            const expected: PlainSeries[] = []
            for (const [layout, target] of targets) {
              const table = tableOf(layout, target, external)
              const values = Float64Array.from({ length: table.series }, (_, i) => i * 1.5 + round)
              writer.addBlock(block(table, target, { values, time }), 0, table.series)
              let i = 0
              for (const { name, type, help, unit, series } of layout.families)
                for (const { labels } of series)
                  expected.push({
                    labels: expectedLabels(name, labels, target, external),
                    samples: [[time, values[i++]]],
                    exemplars: [],
                    ...(protocol === '2.0'
                      ? { metadata: [WRITE_TYPES.indexOf(type), help, unit] as const }
                      : {}),
                  })
            }
            expect(write(protocol, writer)).toEqual(expected)
          }
        },
      ),
    )
  })

  const layout: Layout = {
    families: [
      {
        name: 'h',
        type: 'histogram',
        help: 'Help.',
        unit: '',
        series: Array.from({ length: 300 }, (_, i) => ({
          suffix: '_bucket' as const,
          labels: [{ name: 'le', value: String(i) }],
        })),
      },
    ],
  }
  const target = [
    { name: 'instance', value: 'host:1' },
    { name: 'job', value: 'shop' },
  ]
  const table = tableOf(layout, target)

  test('writes ranges, subsets, own times and exemplars of a block', () => {
    const writer = create()
    const values = Float64Array.from({ length: 300 }, (_, i) => i)
    const times = new Float64Array(300).fill(Number.NaN)
    times[7] = TIME - 5000
    const exemplars: Exemplar[] = [
      { series: 7, labels: [{ name: 'trace_id', value: 'ä1' }], value: 0.5, timestamp: null },
      { series: 9, labels: [], value: 1, timestamp: TIME - 1 },
    ]
    writer.addBlock(block(table, target, { values, times, exemplars }), 5, 10)
    writer.addBlock(block(table, target, { values, indexes: Uint32Array.of(1, 299) }), 1, 2)
    const [s5, , s7, , s9, last] = write(protocol, writer)
    expect(s5).toMatchObject({
      labels: ['__name__=h_bucket', 'instance=host:1', 'job=shop', 'le=5'],
      samples: [[TIME, 5]],
      exemplars: [],
    })
    expect(s7).toMatchObject({
      samples: [[TIME - 5000, 7]],
      exemplars: [{ labels: ['trace_id=ä1'], value: 0.5, time: TIME }],
    })
    expect(s9.exemplars).toEqual([{ labels: [], value: 1, time: TIME - 1 }])
    expect(last).toMatchObject({
      labels: expect.arrayContaining(['le=299']),
      samples: [[TIME, 299]],
    })
  })

  test('writes every kind of number', () => {
    const numbers = [0, -0, 1, -15.5, 1e308, 5e-324, 0.000123, 2 ** 53 + 2]
    const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    const values = Float64Array.from({ length: 300 }, (_, i) => [...numbers, ...special][i] ?? i)
    const writer = create()
    writer.addBlock(block(table, target, { values }), 0, 11)
    const written = write(protocol, writer).map(({ samples }) => samples[0]![1])
    expect(written).toEqual([...values.subarray(0, 11)])
  })

  test('writes exemplars of a subset after those of series that are left out', () => {
    const writer = create()
    const values = new Float64Array(300)
    const exemplars = [1, 2, 3].map(series => ({
      series,
      labels: [],
      value: series,
      timestamp: TIME,
    }))
    writer.addBlock(
      block(table, target, { values, exemplars, indexes: Uint32Array.of(1, 3) }),
      0,
      2,
    )
    const shown = write(protocol, writer).map(series => series.exemplars.map(({ value }) => value))
    expect(shown).toEqual([[1], [3]])
  })

  test('writes stale markers bit for bit', () => {
    const writer = create()
    writer.addBlock(block(table, target, { indexes: Uint32Array.of(3) }), 0, 1)
    writer.addBlock(block(table, target, {}), 10, 12)
    const series = write(protocol, writer)
    expect(series.map(({ samples }) => samples)).toEqual([
      [[TIME, 'stale']],
      [[TIME, 'stale']],
      [[TIME, 'stale']],
    ])
  })

  test('writes labels of any length', () => {
    const long = [{ name: 'job', value: 'x'.repeat(5000) }]
    const wide: Layout = {
      families: [
        {
          name: 'w',
          type: 'gauge',
          help: '',
          unit: '',
          series: [
            {
              suffix: '',
              labels: Array.from({ length: 200 }, (_, i) => ({
                name: `l${String(i).padStart(3, '0')}`,
                value: `v${i}`,
              })),
            },
          ],
        },
      ],
    }
    const writer = create()
    const wideTable = tableOf(wide, long)
    writer.addBlock(block(wideTable, long, { values: Float64Array.of(1) }), 0, 1)
    const [one] = write(protocol, writer)
    expect(one.labels).toHaveLength(202)
    expect(one.labels[1]).toBe(`job=${'x'.repeat(5000)}`)
  })
})
