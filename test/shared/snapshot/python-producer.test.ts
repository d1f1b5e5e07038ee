import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pythonWithAvro } from '../../../dev/local/python.js'
import { partitionFor } from '../../../shared/base/murmur2.js'
import { oneStep } from '../../../shared/base/steps.js'
import { sortLabels } from '../../../shared/metrics/labels.js'
import type { Layout } from '../../../shared/metrics/layout.js'
import { FAILURE_ENVELOPE, SNAPSHOT_ENVELOPE } from '../../../shared/snapshot/envelope.js'
import { encodeFailure } from '../../../shared/snapshot/failure.js'
import { targetKey } from '../../../shared/snapshot/key.js'
import { encodeLayout } from '../../../shared/snapshot/layout.js'
import { LayoutCache } from '../../../shared/snapshot/layout-cache.js'
import type { LayoutCompression } from '../../../shared/snapshot/layout-compression.js'
import { SnapshotReader } from '../../../shared/snapshot/read.js'
import { isRelayed } from '../../../shared/snapshot/relayed.js'
import { validateTarget } from '../../../shared/snapshot/validate.js'
import { orSkip } from '../../support/or-skip.js'
import { JAVA } from '../base/murmur2-vectors.js'
import {
  EXAMPLE_FAILURE,
  EXAMPLE_FAILURE_HEADER,
  EXAMPLE_HEADER,
  EXAMPLE_LAYOUT,
  EXAMPLE_VALUES,
  EXAMPLE_ZLIB,
} from './example.js'
import { layoutArbitrary } from './layouts.js'

interface Case {
  target: Record<string, string>
  numbers: Record<
    'incarnation' | 'sequence' | 'superseded' | 'collectedAt' | 'intervalMs' | 'part' | 'parts',
    number
  >
  collectSeconds: number
  end: boolean
  layout: Layout
  values: number[]
  timestamps: number[] | null
  exemplars:
    | { series: number; labels: Record<string, string>; value: number; timestamp: number | null }[]
    | null
}

interface FailureCase {
  target: Record<string, string>
  numbers: Record<'incarnation' | 'sequence' | 'superseded' | 'collectedAt' | 'intervalMs', number>
  collectSeconds: number
  failure: string
}

interface Output {
  fingerprints: { Snapshot: string; Failure: string }
  records: { key: string; value: string; partition: number }[]
}

const root = fileURLToPath(new URL('../../..', import.meta.url))
const program = fileURLToPath(new URL('producer.py', import.meta.url))
const document = fileURLToPath(new URL('../../../docs/wire-format.md', import.meta.url))

const python = await orSkip('Python with fastavro', pythonWithAvro)

const text = (n: number) => (Object.is(n, -0) ? '-0.0' : String(n))

/** Numbers are strings and labels unsorted: the producer has to convert and sort them. */
const produce = (
  cases: Case[],
  compressionOf = (_: number): LayoutCompression => 'dictionary',
): Output =>
  run(
    cases.map((c, i) => ({
      ...c,
      compression: compressionOf(i),
      layout: undefined,
      collectSeconds: text(c.collectSeconds),
      values: c.values.map(text),
      families: c.layout.families.map(f => ({
        ...f,
        series: f.series.map(s => ({
          suffix: s.suffix,
          labels: Object.fromEntries(s.labels.toReversed().map(l => [l.name, l.value])),
        })),
      })),
    })),
  )

const produceFailures = (cases: FailureCase[]): Output =>
  run(cases.map(c => ({ ...c, collectSeconds: text(c.collectSeconds) })))

/** Decompresses layouts with the code in the document. */
const decompress = (compressed: Buffer[]): Buffer[] =>
  run<string[]>({ compressed: compressed.map(bytes => bytes.toString('hex')) }).map(text =>
    Buffer.from(text, 'hex'),
  )

function run<T = Output>(given: unknown): T {
  const { status, stdout, stderr } = spawnSync(python!, [program, document], {
    cwd: root,
    input: JSON.stringify(given),
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    timeout: 200_000,
  })
  if (status !== 0) throw new Error(`the producer failed with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

const long = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const label = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 9 })
  .map(s => s.replaceAll('\0', '0'))
const plainName = label.filter(name => !name.startsWith('__') && name !== 'job')
const value = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e300),
)

const target = fc
  .dictionary(plainName, label, { maxKeys: 4 })
  .map(labels => ({ job: 'python', ...labels }))
const collectSeconds = fc.double({ min: 0, max: 100, noNaN: true })
const collectionNumbers = {
  incarnation: long.filter(incarnation => !isRelayed(incarnation)),
  sequence: long,
  superseded: long,
  collectedAt: long,
  intervalMs: fc.integer({ min: 1000, max: 120_000 }),
}

const anyFailure: fc.Arbitrary<FailureCase> = fc.record({
  target,
  numbers: fc.record(collectionNumbers),
  collectSeconds,
  failure: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
})

const anyCase: fc.Arbitrary<Case> = layoutArbitrary.chain(layout => {
  const count = layout.families.reduce((sum, family) => sum + family.series.length, 0)
  return fc.record({
    target,
    numbers: fc.record({
      ...collectionNumbers,
      part: fc.integer({ min: 0, max: 2 }),
      parts: fc.integer({ min: 3, max: 9 }),
    }),
    collectSeconds,
    end: fc.boolean(),
    layout: fc.constant(layout),
    values: fc.array(value, { minLength: count, maxLength: count }),
    timestamps: fc.option(fc.array(long, { minLength: count, maxLength: count })),
    exemplars: fc.option(
      fc.array(
        fc.record({
          series: fc.nat(Math.max(0, count - 1)),
          labels: fc.dictionary(fc.constantFrom('trace_id', 'ä', 'span'), label, { maxKeys: 3 }),
          value: fc.integer(),
          timestamp: fc.option(long),
        }),
        { maxLength: count ? 3 : 0 },
      ),
    ),
  })
})

/** Reads the record as a shard does, with all checks, and compares it with the case. */
function expectRead({ key, value: hex, partition }: Output['records'][number], c: Case): void {
  const record = Buffer.from(hex, 'hex')
  const reader = new SnapshotReader()
  const layouts = new LayoutCache({
    maxBytes: 1e9,
    build: (layout, id) => oneStep(() => ({ id, layout, bytes: 1, holders: 0 })),
  })
  reader.open(record)
  const target = sortLabels(c.target)
  const { id } = encodeLayout(c.layout)
  const header = {
    ...c.numbers,
    target,
    collectSeconds: c.collectSeconds,
    end: c.end,
    layoutId: id,
  }
  expect(reader.header()).toEqual(header)
  validateTarget(reader.target())
  expect(Buffer.from(key, 'hex')).toEqual(targetKey(target))
  expect(partition).toBe(partitionFor(targetKey(target), 12))
  expect(layouts.intern(reader.layoutId(), reader.layout())).toMatchObject({ layout: c.layout })
  const body = reader.body(c.values.length)
  expect([...body.values]).toEqual(c.values)
  expect(body.timestamps && [...body.timestamps]).toEqual(c.timestamps)
  const exemplars = c.exemplars?.map(e => ({ ...e, labels: sortLabels(e.labels) })) ?? null
  expect(body.exemplars).toEqual(exemplars)
}

function expectFailure(
  { key, value: hex, partition }: Output['records'][number],
  c: FailureCase,
): void {
  const reader = new SnapshotReader()
  reader.open(Buffer.from(hex, 'hex'))
  const target = sortLabels(c.target)
  expect(reader.failure).toBe(c.failure)
  expect(reader.header()).toMatchObject({ ...c.numbers, target, collectSeconds: c.collectSeconds })
  validateTarget(reader.target())
  expect(Buffer.from(key, 'hex')).toEqual(targetKey(target))
  expect(partition).toBe(partitionFor(targetKey(target), 12))
}

const shop = { job: 'shop', instance: '10.0.0.7:8080' }
const { target: _, collectSeconds: seconds, end, layoutId, ...numbers } = EXAMPLE_HEADER
const example: Case = {
  target: shop,
  numbers,
  collectSeconds: seconds,
  end,
  layout: EXAMPLE_LAYOUT,
  values: EXAMPLE_VALUES,
  timestamps: null,
  exemplars: null,
}

describe.skipIf(!python)('a producer in Python that follows docs/wire-format.md', () => {
  test('computes the fingerprints of the schemas in the document', () => {
    const { fingerprints } = produce([example])
    expect(Buffer.from(fingerprints.Snapshot, 'hex')).toEqual(SNAPSHOT_ENVELOPE.subarray(2))
    expect(Buffer.from(fingerprints.Failure, 'hex')).toEqual(FAILURE_ENVELOPE.subarray(2))
  })

  test('writes the example of the document with the same layoutId', () => {
    const { records } = produce([example])
    expectRead(records[0], example)
    expect(records[0].value).toContain(Buffer.from(layoutId, 'latin1').toString('hex'))
  })

  test('writes the failure of the document with the same bytes', () => {
    const { target: _, collectSeconds, ...numbers } = EXAMPLE_FAILURE_HEADER
    const failure: FailureCase = { target: shop, numbers, collectSeconds, failure: EXAMPLE_FAILURE }
    const { records } = produceFailures([failure])
    expectFailure(records[0], failure)
    expect(records[0].value).toBe(
      encodeFailure(EXAMPLE_FAILURE_HEADER, EXAMPLE_FAILURE).toString('hex'),
    )
  })

  test('writes failed collections that are read as the same', () => {
    const cases = fc.sample(anyFailure, { numRuns: 150, seed: 20_261_123 })
    const { records } = produceFailures(cases)
    for (const [i, record] of records.entries()) expectFailure(record, cases[i])
  })

  test('chooses the same partitions for keys as the Java client', () => {
    const keys = JAVA.filter(([text]) => /^(\w+\0[^\0]+\0)*job\0[^\0]+\0/.test(text))
    expect(keys.length).toBeGreaterThan(2)
    const cases = keys.map(([text]) => {
      const parts = text.split('\0')
      const pairs = parts.slice(0, -1).flatMap((part, i) => (i % 2 ? [] : [[part, parts[i + 1]]]))
      return { ...example, target: Object.fromEntries(pairs) as Record<string, string> }
    })
    const { records } = produce(cases)
    expect(records.map(r => Buffer.from(r.key, 'hex').toString())).toEqual(
      keys.map(([text]) => text),
    )
    expect(records.map(r => r.partition)).toEqual(keys.map(([, , partition]) => partition))
  })

  test('writes snapshots that are read as the same', () => {
    const cases = fc.sample(anyCase, { numRuns: 150, seed: 20_261_123 })
    const { records } = produce(cases, i => (i % 2 === 0 ? 'dictionary' : 'gzip'))
    for (const [i, record] of records.entries()) expectRead(record, cases[i])
    const first = records.slice(0, 2).map(({ value }) => {
      const reader = new SnapshotReader()
      reader.open(Buffer.from(value, 'hex'))
      return reader.layout()[0]
    })
    expect(first).toEqual([0x78, 0x1f])
  })

  test('reads layouts in both forms', () => {
    const layouts = fc.sample(layoutArbitrary, { numRuns: 100, seed: 20_261_123 })
    const encoded = layouts.map((layout, i) =>
      encodeLayout(layout, i % 2 === 0 ? 'dictionary' : 'gzip'),
    )
    expect(decompress([...encoded.map(({ compressed }) => compressed), EXAMPLE_ZLIB])).toEqual([
      ...encoded.map(({ bytes }) => bytes),
      encodeLayout(EXAMPLE_LAYOUT).bytes,
    ])
  })
})
