import { readFileSync } from 'node:fs'
import avro from 'avsc'
import fc from 'fast-check'
import { sortLabels } from '../../../shared/metrics/labels.js'
import type { Exemplar } from '../../../shared/metrics/model.js'
import { encodeLayout } from '../../../shared/snapshot/layout.js'
import { isRelayed } from '../../../shared/snapshot/relayed.js'
import type { CollectionHeader, SnapshotHeader } from '../../../shared/snapshot/types.js'
import { counterOf } from './layouts.js'

const load = (name: string) =>
  JSON.parse(
    readFileSync(new URL(`../../../shared/snapshot/${name}.avsc`, import.meta.url), 'utf8'),
  )

export const snapshotSchema = load('snapshot')
export const failureSchema = load('failure')
const layoutSchema = load('layout')

/**
 * Types of avsc for our schemas: the reference. Longs beyond 2^53 are rounded, as in our reader.
 */
const long = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => Number(bytes.readBigInt64LE()),
  toBuffer: (n: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(n))
    return bytes
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: (n: unknown) => typeof n === 'number' && Number.isInteger(n) && Math.abs(n) <= 2 ** 63,
  compare: (a: number, b: number) => a - b,
})

const typeOf = (schema: avro.Schema) =>
  avro.Type.forSchema(schema, {
    wrapUnions: true,
    registry: { long },
    // avsc does not look up a primitive in the registry if it is written as an object, as with a
    // logical type.
    typeHook: schema => ((schema as { type?: unknown }).type === 'long' ? long : undefined),
  })
export const snapshotType = typeOf(snapshotSchema)
export const failureType = typeOf(failureSchema)
export const layoutType = avro.Type.forSchema(layoutSchema)

export interface Sample {
  header: SnapshotHeader
  layout: ReturnType<typeof encodeLayout>
  values: number[]
  timestamps: number[] | null
  exemplars: Exemplar[] | null
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map(s => s.replaceAll('\0', ''))
const labels = fc
  .uniqueArray(fc.tuple(text, text), { selector: ([name]) => name, maxLength: 5 })
  .map(pairs => pairs.map(([name, value]) => ({ name, value })))
/**
 * Within the limit of OpenMetrics, without empty names and NULs; no `__proto__`, which avsc's maps
 * lose.
 */
const exemplarText = (minLength: number) =>
  fc
    .string({ unit: 'binary', minLength, maxLength: 9 })
    .map(s => (s === '__proto__' ? 'proto' : s.replaceAll('\0', '0')))
const exemplarLabels = fc
  .uniqueArray(fc.tuple(exemplarText(1), exemplarText(0)), {
    selector: ([name]) => name,
    maxLength: 5,
  })
  .map(pairs => sortLabels(pairs.map(([name, value]) => ({ name, value }))))
const long53 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const value = fc.oneof(
  fc.integer(),
  fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  fc.double(),
  fc.constantFrom(
    0,
    -0,
    Number.NaN,
    Infinity,
    -Infinity,
    2 ** 53,
    -(2 ** 53),
    2 ** 51,
    -(2 ** 51),
    2 ** 60,
    0.1,
  ),
)

const collection = {
  target: labels,
  incarnation: long53,
  sequence: long53,
  superseded: long53,
  collectedAt: long53,
  intervalMs: fc.integer({ min: 1000, max: 120_000 }),
  collectSeconds: fc.double({ min: 0, max: 100, noNaN: true }),
}

/** The sequence of a relayed run is the time of the collection. */
function numbered<H extends CollectionHeader>(header: H): H {
  return isRelayed(header.incarnation) ? { ...header, sequence: header.collectedAt } : header
}

export const collectionHeader: fc.Arbitrary<CollectionHeader> = fc.record(collection).map(numbered)

/** Any record that the writer accepts. */
export const sample: fc.Arbitrary<Sample> = fc.array(value, { maxLength: 60 }).chain(values =>
  fc
    .record({
      header: fc
        .record({
          ...collection,
          part: fc.integer({ min: 0, max: 2 }),
          parts: fc.integer({ min: 3, max: 9 }),
          end: fc.boolean(),
          layoutId: fc.constant(''),
        })
        .map(numbered),
      layout: fc.constant(encodeLayout({ families: [counterOf(3)] })),
      values: fc.constant(values),
      timestamps: fc.option(
        fc.array(long53, { minLength: values.length, maxLength: values.length }),
      ),
      exemplars: fc.option(
        fc.array(
          fc.record({
            series: fc.integer({ min: 0, max: Math.max(0, values.length - 1) }),
            labels: exemplarLabels,
            value: fc.double(),
            timestamp: fc.option(long53),
          }),
          { maxLength: values.length ? 4 : 0 },
        ),
      ),
    })
    .map(s => ({ ...s, header: { ...s.header, layoutId: s.layout.id } })),
)

/** The sample as input for avsc. */
export function toAvsc(s: Sample): unknown {
  const number = (n: number) =>
    Number.isSafeInteger(n) && !Object.is(n, -0) ? { long: n } : { double: n }
  return {
    ...s.header,
    layoutId: Buffer.from(s.header.layoutId, 'latin1'),
    layout: s.layout.compressed,
    values: s.values.map(number),
    timestamps: s.timestamps && { array: s.timestamps },
    exemplars: s.exemplars && {
      array: s.exemplars.map(e => ({
        ...e,
        labels: Object.fromEntries(e.labels.map(l => [l.name, l.value])),
        timestamp: e.timestamp === null ? null : { long: e.timestamp },
      })),
    },
  }
}
