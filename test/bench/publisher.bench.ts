import { fileURLToPath } from 'node:url'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { PublisherStats, registerStats } from '../../producer/own-metrics.js'
import { Sampler } from '../../producer/sampler.js'
import { type Collected, Sources } from '../../producer/source.js'
import type { Sample } from '../../shared/publish/sample.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import type { Command } from './app.js'
import { AppProcess } from './app-process.js'
import { type Bench, withKafka } from './pipeline.js'
import { registryOf } from './registry.js'
import { median, type Row, spread, table } from './table.js'

/**
 * CPU time of a measurement, and number of measurements. Cases are interleaved, so that all have
 * the same conditions.
 */
const MEASURE_MS = 200
const ROUNDS = 9
const TIMEOUT_MS = 60_000

interface Case {
  readonly work: string
  readonly series: number
  readonly note?: string
  run(): unknown
}

/** The work of a publisher in each interval, without sending. */
function publishing(register: Registry): {
  take(): Promise<Sample>
  encode(sample: Sample): Buffer[]
} {
  const sampler = new Sampler()
  const sources = new Sources(register)
  let sequence = 5000
  return {
    take: async () => sampler.read((await sources.collect(TIMEOUT_MS)).readings).sample(),
    encode: ({ parts, values }) => {
      sequence++
      return parts.map(({ layout, from, to }, part) =>
        encodeSnapshot(
          {
            target: [
              { name: 'instance', value: 'shop-7d9fc6b5b4-x2x7k' },
              { name: 'job', value: 'shop' },
            ],
            incarnation: 1_700_000_000_000,
            sequence,
            superseded: 0,
            collectedAt: 1_700_086_400_000 + sequence * 15_000,
            intervalMs: 15_000,
            collectSeconds: 0.0021,
            part,
            parts: parts.length,
            end: false,
            layoutId: layout.id,
          },
          { layoutCompressed: layout.compressed, values: values.subarray(from, to) },
        ),
      )
    },
  }
}

function casesOf(series: number): Case[] {
  const register = registryOf(series)
  const { take, encode } = publishing(register)
  const what = `${series.toLocaleString('en')} series`
  const sources = new Sources(register)
  let readings: Collected['readings'] = []
  const sampler = new Sampler()
  return [
    {
      work: `collect, sample and encode ${what}`,
      series,
      note: 'unchanged layout; the work of a publisher in each interval, without sending',
      run: async () => encode(await take()),
    },
    {
      work: '· of that: getMetricsAsJSON of prom-client',
      series,
      note: what,
      run: async () => {
        readings = (await sources.collect(TIMEOUT_MS)).readings
      },
    },
    {
      work: '· of that: comparing the layout and sampling',
      series,
      note: what,
      run: () => sampler.read(readings).sample(),
    },
    {
      work: `register.metrics() of prom-client, ${what}`,
      series,
      note: 'the cost of a direct scrape for the app',
      run: () => register.metrics(),
    },
    {
      work: `create a new layout, sample and encode ${what}`,
      series,
      note: 'after a series was added or removed',
      run: async () => {
        const fresh = publishing(register)
        fresh.encode(await fresh.take())
      },
    },
  ]
}

/** One measurement: CPU-µs per series. */
async function measure(work: Case): Promise<number> {
  const before = process.cpuUsage()
  for (let calls = 1; ; calls++) {
    await work.run()
    const { user, system } = process.cpuUsage(before)
    if (user + system > MEASURE_MS * 1000) return (user + system) / (calls * work.series)
  }
}

async function cpuRows(): Promise<Row[]> {
  const cases = [...casesOf(1000), ...casesOf(10_000)]
  for (const work of cases) await measure(work) // Warm-up.
  const figures = cases.map(() => [] as number[])
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, work] of cases.entries()) figures[i].push(await measure(work))
  return cases.map(({ work, note, series }, i) => ({
    work,
    figure: `${spread(figures[i], 3)} CPU-µs per sample`,
    note: `${((median(figures[i]) * series) / 1000).toFixed(2)} ms per call; ${note}`,
  }))
}

/** The size of records with the series of the app and of the publisher. */
async function sizeRow(what: string, register: Registry): Promise<Row> {
  registerStats(register, 'shop', new PublisherStats())
  const { take, encode } = publishing(register)
  const sample = await take()
  const bytes = encode(sample).reduce((sum, record) => sum + record.length, 0)
  const layouts = sample.parts.reduce((sum, { layout }) => sum + layout.compressed.length, 0)
  const samples = sample.values.length
  return {
    work: `bytes per sample, ${what}, with layout`,
    figure: `${(bytes / samples).toFixed(2)} bytes`,
    goal: '≤ 9 bytes',
    note: `${samples} samples including those of the publisher, ${sample.parts.length === 1 ? 'one record' : `${sample.parts.length} records`} of ${bytes} B; layout ${(layouts / samples).toFixed(2)}, values and header ${((bytes - layouts) / samples).toFixed(2)}`,
  }
}

async function sizeRows(): Promise<Row[]> {
  const node = new Registry()
  collectDefaultMetrics({ register: node })
  const both = registryOf(200, new Registry())
  collectDefaultMetrics({ register: both })
  return [
    await sizeRow('100 series', registryOf(100)),
    await sizeRow('1,000 series', registryOf(1000)),
    await sizeRow('10,000 series', registryOf(10_000)),
    await sizeRow('default metrics of prom-client', node),
    await sizeRow('default metrics and 200 series', both),
  ]
}

const SECONDS = 60
const PAIRS = 3

/**
 * Measures the CPU time that publishing adds to an idle app. Of each pair of processes one
 * publishes. All run at the same time.
 */
async function idleRow(bench: Bench): Promise<Row> {
  const topic = await bench.topic()
  const start = (instance: string) =>
    AppProcess.start({ brokers: bench.brokers, topic, instance, series: 200, interval: '15s' })
  const apps: AppProcess[] = []
  try {
    for (let i = 0; i < PAIRS * 2; i++) apps.push(await start(`idle-${i}`))
    const publishers = apps.filter((_, i) => i % 2)
    for (const app of publishers) await app.command('publish')
    for (const app of publishers) await app.acknowledged(2)
    const before = await Promise.all(apps.map(app => app.command('report')))
    await new Promise(resolve => setTimeout(resolve, SECONDS * 1000))
    const after = await Promise.all(apps.map(app => app.command('report')))
    const percent = after.map(({ cpu }, i) => (cpu - before[i].cpu) / SECONDS / 1e4)
    const snapshots = after.map(({ acknowledged }, i) => acknowledged - before[i].acknowledged)
    if (snapshots.some((count, i) => (i % 2 ? count < SECONDS / 15 - 1 : count > 0)))
      throw new Error(`snapshots of the idle apps: ${snapshots.join(', ')}`)
    const added = publishers.map((_, i) => percent[2 * i + 1] - percent[2 * i])
    const alone = percent.filter((_, i) => i % 2 === 0)
    return {
      work: 'publishing by an idle app with default metrics and 200 series, every 15 s',
      figure: `${spread(added, 3)} % of a core`,
      goal: '≤ 0.3 %',
      note: `difference within ${PAIRS} pairs of processes, ${SECONDS} s after their second snapshot; without publishing ${spread(alone, 3)} %`,
    }
  } finally {
    await Promise.all(apps.map(app => app.stop()))
  }
}

/**
 * Measures the slices of the event loop: of the first snapshot, for which the layout is created and
 * code is not compiled yet, of later snapshots, and of prom-client alone.
 */
async function sliceRows(bench: Bench, source: 'registry' | 'text'): Promise<Row[]> {
  const series = 10_000
  const topic = await bench.topic()
  const app = await AppProcess.start({
    brokers: bench.brokers,
    topic,
    instance: `slices-${source}`,
    series,
    interval: '1s',
    source,
  })
  const repeat = async (command: Command, n: number) => {
    for (let i = 0; i < n; i++) await app.command(command)
  }
  try {
    const isText = source === 'text'
    const rendering = isText ? [] : await app.slices(() => repeat('render', 20))
    const collecting = isText ? [] : await app.slices(() => repeat('collect', 20))
    const first = await app.slices(async () => {
      await app.command('publish')
      await app.acknowledged(1)
    })
    await app.acknowledged(5)
    const later = await app.slices(() => app.acknowledged(25))
    const row = (what: string, slices: readonly number[], goal?: string): Row => ({
      work: `longest slice of the event loop with 10,000 series: ${what}`,
      figure: `${slices[0].toFixed(1)} ms of CPU`,
      goal,
      note: `then ${slices
        .slice(1)
        .map(ms => ms.toFixed(1))
        .join(' ')}`,
    })
    if (isText)
      return [
        row('publishing a text source, 20 snapshots after the fifth', later, '≤ 10'),
        row('publishing a text source, the first snapshot and its layout', first, '≤ 10'),
      ]
    return [
      row('publishing, 20 snapshots after the fifth, including prom-client', later, '≤ 10'),
      row('publishing, the first snapshot and its layout', first, '≤ 10'),
      row('getMetricsAsJSON of prom-client, 20 calls in a new process', collecting),
      row('register.metrics() of prom-client, 20 calls in a new process', rendering),
    ]
  } finally {
    await app.stop()
  }
}

/**
 * What publishing costs an app: CPU for a sample, bytes on the wire, CPU when idle, its hold on the
 * event loop.
 */
export async function run(): Promise<Row[]> {
  return [
    ...(await cpuRows()),
    ...(await sizeRows()),
    ...(await withKafka(async bench => [
      await idleRow(bench),
      ...(await sliceRows(bench, 'registry')),
      ...(await sliceRows(bench, 'text')),
    ])),
  ]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(await run()))
