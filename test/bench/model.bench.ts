import { fileURLToPath } from 'node:url'
import { runNow, type Steps } from '../../shared/base/steps.js'
import type { Exposition } from '../../shared/metrics/model.js'
import type { MetricJson } from '../../shared/metrics/prom-client/metric-json.js'
import { ProtobufReader } from '../../shared/metrics/protobuf/reader.js'
import { ExpositionSampler } from '../../shared/publish/exposition-sampler.js'
import { place } from '../../shared/publish/place.js'
import { publicationPlan } from '../../shared/publish/plan.js'
import { mapSources } from '../../shared/snapshot/mapping/sources.js'
import {
  decode,
  encode,
  type FamilyMessage,
  type HistogramMessage,
  type LabelPair,
  TYPES,
} from '../shared/metrics/protobuf/schema.js'
import { registryOf } from './registry.js'
import { median, type Row, spread, table } from './table.js'

const SERIES = 10_000
const MEASURE_MS = 150
const ROUNDS = 7

interface Case {
  readonly work: string
  readonly goal?: string
  readonly note?: string
  run(): void
}

/** Converts the metrics of a registry to messages of the protobuf format. */
function messagesOf(metrics: readonly MetricJson[]): FamilyMessage[] {
  return metrics.map(({ name, help, type, values = [] }) => {
    if (type !== 'histogram') {
      const metric = values.map(({ labels, value }) => ({
        label: pairs(labels),
        ...(type === 'counter' ? { counter: { value } } : { gauge: { value } }),
      }))
      return { name, help, type: type === 'counter' ? TYPES.COUNTER : TYPES.GAUGE, metric }
    }
    const histograms = new Map<
      string,
      Writable<HistogramMessage> & { label: LabelPair[]; bucket: Bucket[] }
    >()
    for (const { metricName, labels, value } of values) {
      const { le, ...own } = labels ?? {}
      const key = JSON.stringify(own)
      const histogram = histograms.get(key) ?? { label: pairs(own), bucket: [] }
      histograms.set(key, histogram)
      if (metricName?.endsWith('_bucket'))
        histogram.bucket.push({
          upperBound: Number(le === '+Inf' ? Infinity : le),
          cumulativeCount: value,
        })
      else if (metricName?.endsWith('_sum')) histogram.sampleSum = value
      else histogram.sampleCount = value
    }
    const metric = [...histograms.values()].map(({ label, ...histogram }) => ({ label, histogram }))
    return { name, help, type: TYPES.HISTOGRAM, metric }
  })
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type Bucket = { upperBound: number; cumulativeCount: number }

const pairs = (labels: Readonly<Record<string, unknown>> = {}): LabelPair[] =>
  Object.entries(labels).map(([name, value]) => ({ name, value: String(value) }))

/** CPU-ms of one call. */
function measure({ run }: Case): number {
  let calls = 0
  let spent = 0
  const before = process.cpuUsage()
  while (spent < MEASURE_MS * 1000) {
    run()
    calls++
    const { user, system } = process.cpuUsage(before)
    spent = user + system
  }
  return spent / 1000 / calls
}

/** CPU-ms of the longest step, without compression, which runs on another thread. */
function longestStep(steps: Steps<unknown>): number {
  const compressed = Buffer.alloc(0)
  let longest = 0
  for (;;) {
    const before = process.cpuUsage()
    const { done } = steps.next(compressed)
    const { user, system } = process.cpuUsage(before)
    longest = Math.max(longest, (user + system) / 1000)
    if (done) return longest
  }
}

const longestOf = (steps: () => Steps<unknown>): string =>
  `longest step ${median(Array.from({ length: ROUNDS }, () => longestStep(steps()))).toFixed(2)} ms`

/** Measures reading of protobuf bodies and mapping of expositions onto records. */
export async function run(): Promise<Row[]> {
  const metrics = (await registryOf(SERIES).getMetricsAsJSON()) as unknown as MetricJson[]
  const body = encode(...messagesOf(metrics))
  const read = (reader: ProtobufReader): Exposition => reader.read(body)
  const known = new ProtobufReader()
  const exposition = read(known)
  const { families, values } = exposition
  const { mapping } = runNow(publicationPlan(without => mapSources([{ families }], without), false))
  const sampler = new ExpositionSampler()
  await sampler.sample(exposition)
  const size = `${values.length} series, ${body.length} bytes`
  const cases: Case[] = [
    {
      work: 'read a protobuf body, unchanged families',
      note: size,
      run: () => void read(known),
    },
    {
      work: 'read a protobuf body, new families',
      note: longestOf(() => new ProtobufReader().readInSteps(body)),
      run: () => void read(new ProtobufReader()),
    },
    {
      work: 'read a protobuf body, protobufjs',
      note: 'decoded to objects',
      run: () => void decode(body),
    },
    {
      work: 'map an exposition, unchanged families',
      goal: '≤ 0.1 ms',
      run: () => void sampler.sample(exposition),
    },
    { work: '· place values', run: () => void place(mapping, values) },
    {
      work: 'map an exposition, new families',
      goal: 'longest step ≤ 10 ms',
      note: longestOf(() => publicationPlan(without => mapSources([{ families }], without), false)),
      run: () => void runNow(mapSources([{ families }])),
    },
    {
      work: 'map a registry, new families',
      note: longestOf(() => publicationPlan(without => mapSources([{ metrics }], without), false)),
      run: () => void runNow(mapSources([{ metrics }])),
    },
  ]
  for (const one of cases) measure(one) // Warm-up.
  const figures = cases.map(() => [] as number[])
  for (let round = 0; round < ROUNDS; round++)
    cases.forEach((one, i) => void figures[i].push(measure(one)))
  return cases.map(({ work, goal, note }, i) => ({
    work,
    figure: `${spread(figures[i], median(figures[i]) < 1 ? 3 : 2)} CPU-ms`,
    goal,
    note,
  }))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(table(await run()))
