import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { goFloat, openMetricsFloat } from '../../../../shared/metrics/go-float.js'
import { compareUtf8 } from '../../../../shared/metrics/labels.js'
import { DEFAULT_LIMITS } from '../../../../shared/metrics/limits.js'
import type { Exposition } from '../../../../shared/metrics/model.js'
import { ProtobufReader } from '../../../../shared/metrics/protobuf/reader.js'
import { readBody, samplesOf, tryBody } from './read.js'
import { encode, type FamilyMessage, type LabelPair, type MetricMessage, TYPES } from './schema.js'

const text = fc.string({ unit: 'grapheme', maxLength: 6 })
const number = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, 1, 0.005, 1e6, 1e21, Number.NaN, Infinity),
)
const count = fc.nat(2 ** 40)
const labels = fc.uniqueArray(
  fc.record({
    name: fc.oneof(fc.constantFrom('a', 'b', 'z', '\u{10000}', '\uffee'), text),
    value: text,
  }),
  {
    selector: ({ name }) => name,
    maxLength: 4,
  },
)
const own = labels.map(list =>
  list.filter(({ name }) => !['', 'le', 'quantile', '__name__'].includes(name)),
)
const bounds = fc.uniqueArray(
  fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(-1, 0.1, 1, Infinity)),
  {
    maxLength: 4,
  },
)

function metricOf(type: number): fc.Arbitrary<MetricMessage> {
  const value = fc.record({ value: number })
  const histogram = bounds.chain(upperBounds =>
    fc.record({
      sampleCount: count,
      sampleSum: number,
      bucket: fc.tuple(
        ...upperBounds.map(upperBound =>
          fc.record({ upperBound: fc.constant(upperBound), cumulativeCount: count }),
        ),
      ),
    }),
  )
  const summary = bounds.chain(quantiles =>
    fc.record({
      sampleCount: count,
      sampleSum: number,
      quantile: fc.tuple(
        ...quantiles.map(quantile => fc.record({ quantile: fc.constant(quantile), value: number })),
      ),
    }),
  )
  const kind: Record<number, Record<string, fc.Arbitrary<unknown>>> = {
    [TYPES.COUNTER]: { counter: value },
    [TYPES.GAUGE]: { gauge: value },
    [TYPES.UNTYPED]: { untyped: value },
    [TYPES.SUMMARY]: { summary },
    [TYPES.HISTOGRAM]: { histogram },
    [TYPES.GAUGE_HISTOGRAM]: { histogram },
  }
  return fc.record({ label: own, ...kind[type] }) as fc.Arbitrary<MetricMessage>
}

const family: fc.Arbitrary<FamilyMessage> = fc.constantFrom(...Object.values(TYPES)).chain(type =>
  fc.record({
    name: text.map(name => `n${name}`),
    help: text,
    type: fc.constant(type),
    metric: fc.array(metricOf(type), { maxLength: 4 }),
  }),
)
const families = fc.uniqueArray(family, { selector: ({ name }) => name, maxLength: 4 })

/** The expected series, derived without the reader. */
function expected(given: readonly FamilyMessage[]): [string, number][] {
  const line = (name: string, pairs: readonly LabelPair[], value = 0): [string, number] => [
    `${name}{${[...pairs]
      .sort((a, b) => compareUtf8(a.name, b.name))
      .map(label => `${label.name}=${JSON.stringify(label.value)}`)
      .join(',')}}`,
    value,
  ]
  return given.flatMap(({ name = '', type, metric = [] }) =>
    metric.flatMap(({ label = [], gauge, counter, untyped, summary, histogram }) => {
      if (summary)
        return [
          ...(summary.quantile ?? []).map(({ quantile = 0, value }) =>
            line(name, [...label, { name: 'quantile', value: goFloat(quantile) }], value),
          ),
          line(`${name}_sum`, label, summary.sampleSum),
          line(`${name}_count`, label, summary.sampleCount),
        ]
      if (!histogram) return [line(name, label, (gauge ?? counter ?? untyped)?.value)]
      const spelled = type === TYPES.GAUGE_HISTOGRAM ? openMetricsFloat : goFloat
      const buckets = [...(histogram.bucket ?? [])]
      if (!buckets.some(({ upperBound }) => upperBound === Infinity))
        buckets.push({ upperBound: Infinity, cumulativeCount: histogram.sampleCount })
      return [
        ...buckets.map(({ upperBound = 0, cumulativeCount }) =>
          line(
            `${name}_bucket`,
            [...label, { name: 'le', value: spelled(upperBound) }],
            cumulativeCount,
          ),
        ),
        line(`${name}_sum`, label, histogram.sampleSum),
        line(`${name}_count`, label, histogram.sampleCount),
      ]
    }),
  )
}

/** Checks the invariants of the model. */
function checkExposition({ families, values, timestamps, exemplars }: Exposition): void {
  const series = families.flatMap(family => family.series)
  expect(values).toHaveLength(series.length)
  if (timestamps) expect(timestamps).toHaveLength(series.length)
  for (const { labels } of [...series, ...(exemplars ?? [])])
    for (let i = 1; i < labels.length; i++)
      expect(compareUtf8(labels[i - 1].name, labels[i].name)).toBeLessThan(0)
  for (const { series: index } of exemplars ?? []) expect(series[index]).toBeDefined()
  expect(new Set(families.map(({ name }) => name)).size).toBe(families.length)
}

describe('bodies of protobufjs', () => {
  test('are read as the metrics that were encoded', () => {
    fc.assert(
      fc.property(families, given => {
        const exposition = readBody(encode(...given))
        checkExposition(exposition)
        expect(samplesOf(exposition)).toEqual(expected(given))
        expect(exposition.families.map(({ name, help }) => [name, help])).toEqual(
          given.map(({ name, help }) => [name, help]),
        )
      }),
      { numRuns: 500 },
    )
  })

  test('are read the same by a shared reader as by new ones', () => {
    const shapes = fc.array(fc.uniqueArray(family, { selector: f => f.name, maxLength: 2 }), {
      maxLength: 3,
    })
    const order = fc.array(fc.nat(), { maxLength: 8 })
    fc.assert(
      fc.property(shapes, order, (bodies, picks) => {
        const reader = new ProtobufReader()
        for (const pick of picks) {
          const body = encode(...(bodies[pick % Math.max(1, bodies.length)] ?? []))
          expect(reader.read(body)).toEqual(readBody(body))
        }
      }),
    )
  })
})

describe('the result is an exposition or a refusal', () => {
  const limits = { ...DEFAULT_LIMITS, samples: 100 }
  const judge = (body: Buffer) => {
    const read = tryBody(body, limits)
    if (typeof read !== 'string') return checkExposition(read)
    const offset = Number(/^\w+: byte (\d+): /.exec(read)?.[1])
    expect(offset).toBeGreaterThanOrEqual(0)
    expect(offset).toBeLessThanOrEqual(body.length)
  }

  test('for arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => judge(Buffer.from(bytes))),
      { numRuns: 3000 },
    )
  })

  test('for a corrupted body', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(families, changes, (given, changed) => {
        const body = encode(...given)
        if (body.length === 0) return
        for (const [at, byte] of changed) body[at % body.length] = byte
        judge(body)
      }),
      { numRuns: 2000 },
    )
  })

  test('for a truncated body', () => {
    fc.assert(
      fc.property(families, fc.nat(), (given, at) => {
        const body = encode(...given)
        const whole = readBody(body)
        const read = tryBody(body.subarray(0, at % (body.length + 1)))
        // A body that is truncated between families is valid.
        if (typeof read !== 'string')
          expect(samplesOf(whole)).toEqual(expect.arrayContaining(samplesOf(read)))
      }),
    )
  })
})
