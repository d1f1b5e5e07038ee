import { describe, expect, test } from 'vitest'
import { ProtobufReader } from '../../../shared/metrics/protobuf/reader.js'
import { ExpositionSampler } from '../../../shared/publish/exposition-sampler.js'
import { snapshotOf } from '../../../shared/publish/publications.js'
import { RECORD_BYTES } from '../../../shared/publish/sample.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import { layoutsOf, readBack, seriesOf } from '../../producer/sampled.js'
import { encode, TYPES } from '../metrics/protobuf/schema.js'
import { exposition, family } from '../snapshot/mapping/expositions.js'

const page = () =>
  exposition([
    family('b', 'gauge', [
      ['', { i: '0' }],
      ['', { i: '1' }],
    ]),
    family('a', 'counter', [['_total'], ['_created']]),
  ])

describe('a sample of an exposition', () => {
  test('has each value at the index of its series in the layout', async () => {
    const sample = await new ExpositionSampler().sample(page())
    expect([...readBack(sample)]).toEqual([
      ['a_total{}', 2],
      ['a_created{}', 3],
      ['b{i="0"}', 0],
      ['b{i="1"}', 1],
    ])
    expect(sample.timestamps).toBeNull()
    expect(sample.exemplars).toBeNull()
  })

  test('reuses the layout while the families are the same object', async () => {
    const sampler = new ExpositionSampler()
    const first = page()
    const before = await sampler.sample(first)
    const after = await sampler.sample({ ...first, values: Float64Array.of(5, 6, 7, 8) })
    expect(after.parts).toBe(before.parts)
    expect([...after.values]).toEqual([7, 8, 5, 6])
    expect(sampler.layouts).toBe(1)
    await sampler.sample(page())
    expect(sampler.layouts).toBe(2)
  })

  test('reuses the layout while the reader returns the same families', async () => {
    const reader = new ProtobufReader()
    const sampler = new ExpositionSampler()
    for (const value of [1, 2, 3]) {
      const body = encode({ name: 'x', type: TYPES.GAUGE, metric: [{ gauge: { value } }] })
      const sample = await sampler.sample(reader.read(body))
      expect([...readBack(sample)]).toEqual([['x{}', value]])
    }
    expect(sampler.layouts).toBe(1)
  })

  test('of an empty exposition has no series', async () => {
    const sample = await new ExpositionSampler().sample(exposition([]))
    expect(readBack(sample).size).toBe(0)
    expect(sample.parts).toHaveLength(1)
  })

  test('fails if none of its series can be published', async () => {
    await expect(
      new ExpositionSampler().sample(exposition([family('bad', 'gauge', [['', { __a: 'x' }]])])),
    ).rejects.toThrow(
      'none of the 1 series can be published; first reason, metric "bad": label "__a" is reserved; rename it',
    )
  })

  test('reports dropped families by name and dropped series by reason, also for families too large for a record', async () => {
    const noise = () =>
      Array.from({ length: 100 }, () => Math.random().toString(36).slice(2)).join('')
    const huge = Array.from({ length: 1500 }, () => ['', { l: noise() }] as const)
    const sampler = new ExpositionSampler()
    const sample = await sampler.sample(
      exposition([
        family('good', 'gauge'),
        family('huge', 'gauge', huge),
        family('bad', 'gauge', [['', { __a: '' }]]),
      ]),
    )
    expect([...readBack(sample).keys()]).toEqual(['good{}'])
    expect(Object.fromEntries(sampler.dropped)).toEqual({
      bad: expect.stringMatching(/reserved/),
      huge: expect.stringMatching(/more than 1000000 bytes/),
    })
    expect(Object.fromEntries(sampler.droppedSeries)).toEqual({ reserved: 1, limit: 1500 })
  })
})

/** What exposers read of the records of a sample. */
function read(sample: Awaited<ReturnType<ExpositionSampler['sample']>>, collectedAt: number) {
  const run = { target: [{ name: 'job', value: 'j' }], incarnation: 1000, intervalMs: 15_000 }
  const collection = { sequence: 0, collectedAt, collectSeconds: 0 }
  const { encode } = snapshotOf(run, collection, sample, false)
  return [...encode(0)].map((record, part) => {
    const { from, to } = sample.parts[part]
    const reader = new SnapshotReader()
    reader.open(record)
    return { bytes: record.length, ...reader.body(to - from) }
  })
}

describe('timestamps', () => {
  test('belong to their series, and other series have the time of the collection', async () => {
    const timestamps = Float64Array.of(Number.NaN, 1000.9, -1.5, 1e300)
    const sample = await new ExpositionSampler().sample({ ...page(), timestamps })
    expect([...sample.timestamps!]).toEqual([-1, Number.MAX_SAFE_INTEGER, Number.NaN, 1001])
    const [{ timestamps: written }] = read(sample, 5000)
    expect([...written!]).toEqual([-1, Number.MAX_SAFE_INTEGER, 5000, 1001])
  })

  test('are null if no published series has one', async () => {
    const families = [family('a', 'gauge', [[''], ['', { __a: 'x' }]])]
    const sampler = new ExpositionSampler()
    const some = exposition(families, { timestamps: Float64Array.of(Number.NaN, 5) })
    expect((await sampler.sample(some)).timestamps).toBeNull()
    expect((await sampler.sample(exposition(families))).timestamps).toBeNull()
    expect(sampler.layouts).toBe(1)
  })

  test('need space in records, so that the first ones rebuild the layout', async () => {
    const wide = Array.from({ length: 40 }, (_, i) =>
      family(
        `f${i}`,
        'gauge',
        Array.from({ length: 1000 }, (_, j) => ['', { i: `${i}-${j}` }] as const),
      ),
    )
    const sampler = new ExpositionSampler()
    const without = await sampler.sample(exposition(wide))
    const times = new Float64Array(40_000).fill(Number.MAX_SAFE_INTEGER)
    const values = new Float64Array(40_000).fill(0.1)
    const sample = await sampler.sample(exposition(wide, { timestamps: times, values }))
    expect(sampler.layouts).toBe(2)
    expect(sample.parts.length).toBeGreaterThan(without.parts.length)
    expect(layoutsOf(sample)).toHaveLength(sample.parts.length)
    for (const { bytes } of read(sample, 1)) expect(bytes).toBeLessThan(RECORD_BYTES / 3)
    await sampler.sample(exposition(wide))
    expect(sampler.layouts).toBe(2)
  })
})

describe('exemplars', () => {
  test('refer to their series, and those that an exposer would refuse are dropped and counted', async () => {
    const one = (
      series: number,
      labels: Record<string, string>,
      timestamp: number | null = null,
    ) => ({
      series,
      labels: Object.entries(labels).map(([name, value]) => ({ name, value })),
      value: series,
      timestamp,
    })
    const sampler = new ExpositionSampler()
    const sample = await sampler.sample({
      ...page(),
      exemplars: [
        one(1, { trace: 'x' }, 1700000000123.7),
        one(2, { a: 'é'.repeat(127) }),
        one(2, { a: 'x'.repeat(128) }),
        one(2, { '': 'x' }),
        one(2, { a: 'x\0' }),
        one(2, { a: '\ud800' }),
        one(2, { a: 'x' }, Infinity),
        one(99, { a: 'x' }),
      ],
    })
    const series = seriesOf(layoutsOf(sample))
    expect(sample.exemplars!.map(({ series: at, timestamp }) => [series[at], timestamp])).toEqual([
      ['b{i="1"}', 1700000000124],
      ['a_total{}', null],
      ['a_total{}', null],
    ])
    expect(sampler.droppedExemplars).toBe(5)
    expect(read(sample, 1)[0].exemplars).toHaveLength(3)
  })
})
