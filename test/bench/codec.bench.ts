import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import avro from 'avsc'
import { oneStep, runNow } from '../../shared/base/steps.js'
import { DEFAULT_LIMITS } from '../../shared/metrics/limits.js'
import { ENVELOPE_BYTES } from '../../shared/snapshot/envelope.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { decodeLayout, encodeLayout } from '../../shared/snapshot/layout.js'
import { LayoutCache } from '../../shared/snapshot/layout-cache.js'
import {
  compressLayoutSteps,
  decompressLayoutSteps,
} from '../../shared/snapshot/layout-compression.js'
import { SnapshotReader } from '../../shared/snapshot/read.js'
import type { SnapshotHeader } from '../../shared/snapshot/types.js'
import { validateLayout } from '../../shared/snapshot/validate.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { recordSizes } from './record-size.js'
import { median, type Row, spread, table } from './table.js'
import { httpService } from './workload.js'

/**
 * CPU time of a measurement, and number of measurements. Cases are interleaved, so that all have
 * the same conditions.
 */
const MEASURE_MS = 150
const ROUNDS = 7

interface Case {
  readonly work: string
  readonly goal?: string
  readonly note?: string
  readonly unit: 'values' | 'records' | 'ms'
  /** Amount of the unit that one call of `run` processes. For `ms`: the divisor of its CPU time. */
  readonly amount: number
  run(): void
}

interface Fleet {
  readonly series: number
  readonly layout: ReturnType<typeof encodeLayout>
  readonly headers: SnapshotHeader[]
  readonly values: Float64Array[]
  readonly records: Buffer[]
}

/** Records of different targets with the same layout, after one day of publishing. */
function fleetOf(targets: number, series: number): Fleet {
  const workload = httpService(series)
  const layout = encodeLayout(workload.layout)
  const headers: SnapshotHeader[] = []
  const values: Float64Array[] = []
  for (let t = 0; t < targets; t++) {
    headers.push({
      target: [
        { name: 'instance', value: `10.1.${t >> 8}.${t & 255}:8080` },
        { name: 'job', value: 'api' },
      ],
      incarnation: 1_700_000_000_000,
      sequence: 5760,
      superseded: 3,
      collectedAt: 1_700_086_400_000 + t,
      intervalMs: 15_000,
      collectSeconds: 0.0021,
      part: 0,
      parts: 1,
      end: false,
      layoutId: layout.id,
    })
    values.push(new Float64Array(series))
    workload.fill(values[t], t, 5760)
  }
  const records = headers.map((header, t) =>
    encodeSnapshot(header, { layoutCompressed: layout.compressed, values: values[t] }),
  )
  return { series, layout, headers, values, records }
}

/** Reads records as a shard does if it knows their targets and layout. */
function ourReading({ records, headers, series, layout }: Fleet): () => void {
  const reader = new SnapshotReader()
  const targets = records.map(record => {
    reader.open(record)
    return Buffer.from(reader.targetBytes)
  })
  const keys = headers.map(header => targetKey(header.target).toString('latin1'))
  const known = new Map(keys.map((key, t) => [key, targets[t]]))
  const layouts = new Map([[layout.id, series]])
  const into = new Float64Array(series)
  return () => {
    for (let t = 0; t < records.length; t++) {
      reader.open(records[t])
      const target = known.get(keys[t])
      if (!target || !reader.hasTarget(target)) throw new Error('not the target')
      const count = layouts.get(reader.layoutId())
      if (count === undefined) throw new Error('not the layout')
      reader.body(count, into)
    }
  }
}

function avscType(): avro.Type {
  // The depth below the schema differs between sources and compiled files.
  const found = ['../..', '../../..', '../../../..']
    .map(up => new URL(`${up}/shared/snapshot/snapshot.avsc`, import.meta.url))
    .find(existsSync)
  const file = found ?? new URL('../../shared/snapshot/snapshot.avsc', import.meta.url)
  return avro.Type.forSchema(JSON.parse(readFileSync(file, 'utf8')))
}

function casesOf(fleet: Fleet, goal: string | undefined): Case[] {
  const { records, headers, series, layout } = fleet
  const type = avscType()
  const bare = records.map(record => record.subarray(ENVELOPE_BYTES))
  const objects = headers.map((header, t) => ({
    ...header,
    layoutId: Buffer.from(header.layoutId, 'latin1'),
    layout: layout.compressed,
    values: Array.from(fleet.values[t], value =>
      Number.isSafeInteger(value) && !Object.is(value, -0) ? { long: value } : { double: value },
    ),
    timestamps: null,
    exemplars: null,
  }))
  const shape = `${series}-series records`
  const values = records.length * series
  const perThousand = values / 1000
  const reader = new SnapshotReader()
  return [
    { work: `read ${shape}`, goal, unit: 'values', amount: values, run: ourReading(fleet) },
    {
      work: `read ${shape}, avsc`,
      note: 'decoded to objects',
      unit: 'values',
      amount: values,
      run: () => bare.forEach(record => void type.fromBuffer(record)),
    },
    {
      work: `read only the headers of ${shape}`,
      unit: 'records',
      amount: records.length,
      run: () => records.forEach(record => void reader.open(record)),
    },
    {
      work: `write ${shape}`,
      goal: series === 1000 ? '≤ 0.3 ms per 1,000 series' : undefined,
      unit: 'ms',
      amount: perThousand,
      run: () =>
        headers.forEach(
          (header, t) =>
            void encodeSnapshot(header, {
              layoutCompressed: layout.compressed,
              values: fleet.values[t],
            }),
        ),
    },
    {
      work: `write ${shape}, avsc`,
      note: 'from prepared objects',
      unit: 'ms',
      amount: perThousand,
      run: () => objects.forEach(object => void type.toBuffer(object)),
    },
  ]
}

function layoutCases(series: number): Case[] {
  const { layout } = httpService(series)
  const { bytes } = encodeLayout(layout)
  const shape = `a layout of ${series} series`
  const amount = series / 1000
  return [
    ...(['gzip', 'dictionary'] as const).flatMap(compression => {
      const { id, compressed } = encodeLayout(layout, compression)
      const note = `${bytes.length} bytes, ${compression} ${compressed.length}`
      const common = { note, unit: 'ms' as const, amount }
      return [
        {
          ...common,
          work: `encode ${shape}, ${compression}`,
          run: () => void encodeLayout(layout, compression),
        },
        {
          ...common,
          work: `· compress, ${compression}`,
          run: () => void runNow(compressLayoutSteps(bytes, compression)),
        },
        {
          ...common,
          work: `· inflate, ${compression}`,
          run: () => void runNow(decompressLayoutSteps(compressed, DEFAULT_LIMITS.bytes)),
        },
        {
          ...common,
          work: `intern ${shape}, new, ${compression}`,
          run: () => {
            const cache = new LayoutCache({
              maxBytes: 1e6,
              build: (_, id) => oneStep(() => ({ id, bytes: 1, holders: 0 })),
            })
            cache.intern(id, compressed)
          },
        },
      ]
    }),
    { work: '· decode', unit: 'ms', amount, run: () => void decodeLayout(bytes) },
    { work: '· validate', unit: 'ms', amount, run: () => validateLayout(layout) },
  ]
}

/** A fleet whose names are in no dictionary. */
function sizeRow(fleet: Fleet): Row {
  const { series, records } = fleet
  const samples = records.length * series
  const layout = fleet.layout.compressed.length / series
  const total = records.reduce((sum, record) => sum + record.length, 0) / samples
  const gzip = encodeLayout(httpService(series).layout, 'gzip').compressed.length / series
  return {
    work: `bytes per sample, names of its own only, ${series} series`,
    figure: `${total.toFixed(2)} bytes`,
    note: `gzip ${(total - layout + gzip).toFixed(2)}; layout ${layout.toFixed(2)} instead of ${gzip.toFixed(2)}`,
  }
}

/** One measurement: amount per CPU-second, or CPU-ms per 1,000 series. */
function measure(work: Case): number {
  let calls = 0
  const before = process.cpuUsage()
  let spent = 0
  while (spent < MEASURE_MS * 1000) {
    work.run()
    calls++
    const { user, system } = process.cpuUsage(before)
    spent = user + system
  }
  return work.unit === 'ms' ? spent / 1000 / (calls * work.amount) : (calls * work.amount) / spent
}

const UNITS = {
  values: 'M values/CPU-s',
  records: 'M records/CPU-s',
  ms: 'CPU-ms per 1,000 series',
}

/** Measures reading and writing of records in comparison with avsc, and the size of records. */
export async function run(): Promise<Row[]> {
  const thousand = fleetOf(200, 1000)
  const hundred = fleetOf(2000, 100)
  const cases = [
    ...casesOf(thousand, '≥ 100 M values/CPU-s'),
    ...casesOf(hundred, undefined),
    ...layoutCases(100),
    ...layoutCases(1000),
    ...layoutCases(20_000),
  ]
  for (const work of cases) measure(work) // Warm-up.
  const figures = cases.map(() => [] as number[])
  for (let round = 0; round < ROUNDS; round++)
    cases.forEach((work, i) => void figures[i].push(measure(work)))
  const rows = cases.map(({ work, goal, note, unit }, i) => ({
    work,
    figure: `${spread(figures[i], median(figures[i]) < 1 ? 4 : 1)} ${UNITS[unit]}`,
    goal,
    note,
  }))
  return [...rows, ...(await recordSizes(hundred.headers[0])), sizeRow(hundred), sizeRow(thousand)]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(await run()))
