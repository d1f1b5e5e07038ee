import { MirrorSampler } from '../../gateway/mirrors/mirror-sampler.js'
import { MemoryBudget } from '../../gateway/mirrors/state/budget.js'
import { noMirrorFigures } from '../../gateway/mirrors/state/figures.js'
import type { MadeSnapshot } from '../../gateway/mirrors/state/made.js'
import type { MirroredTarget } from '../../gateway/mirrors/state/mirrored-target.js'
import { MirrorPartition } from '../../gateway/mirrors/state/partition.js'
import { WriteReader } from '../../shared/metrics/remote-write/reader.js'
import { snapshotOf } from '../../shared/publish/publications.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { RELAYED_RUNS } from '../../shared/snapshot/relayed.js'
import { writtenRecord } from '../support/written-record.js'
import { type Row, spread } from './table.js'

/**
 * What mirrors cost: targets of 100 series each interval, from the record of metrics.writes to the
 * encoded record of metrics.snapshots, without Kafka.
 */
const TARGETS = 1000
const SERIES = 100
const ROUNDS = 30
const INTERVAL_MS = 15_000
const ROUNDS_WARM = 4
const START = 1_700_000_000_000

interface Template {
  readonly key: Buffer
  readonly bytes: Buffer
  /** Offsets of the eight bytes of values, and of the varints of times. */
  readonly valueAt: Int32Array
}

function template(target: number): Template {
  const labels = { instance: `10.0.${target >> 8}.${target & 255}:9100`, job: 'node' }
  const of = (name: string, more: Record<string, string> = {}) => ({
    labels: { __name__: name, ...more, ...labels },
    samples: [{ time: START, value: Math.random() * 1000 }],
  })
  const series = [
    ...Array.from({ length: SERIES }, (_, i) => ({
      ...of(`node_metric_${i >> 2}_total`, { cpu: String(i & 3), mode: 'user' }),
      type: 'counter' as const,
      help: `Help of metric ${i >> 2}.`,
    })),
    of('up'),
    of('scrape_duration_seconds'),
    of('scrape_samples_scraped'),
    { ...of('scrape_samples_post_metric_relabeling') },
    of('scrape_series_added'),
  ].map(one =>
    one.labels.__name__ === 'scrape_samples_post_metric_relabeling'
      ? { ...one, samples: [{ time: START, value: SERIES }] }
      : one.labels.__name__ === 'up'
        ? { ...one, samples: [{ time: START, value: 1 }] }
        : one,
  )
  const bytes = writtenRecord(series)
  const request = new WriteReader().read(bytes, '2.0')
  return {
    key: targetKey(Object.entries(labels).map(([name, value]) => ({ name, value }))),
    bytes,
    valueAt: request.valueAt.slice(0, request.samplesFrom[request.series]),
  }
}

const oldTime = varint(START)

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = BigInt(value)
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

/** The record of a target at a time, with other values. */
function recordAt({ bytes, valueAt }: Template, time: number): Buffer {
  const record = Buffer.from(bytes)
  const now = varint(time)
  for (let at = record.indexOf(oldTime); at >= 0; ) {
    now.copy(record, at)
    at = record.indexOf(oldTime, at + now.length)
  }
  for (let i = 0; i < SERIES; i++)
    record.writeDoubleLE(Math.floor(Math.random() * 1e6), valueAt[i]!)
  return record
}

/** Mirrors with what publishes them, without Kafka. */
class MirrorPipeline {
  readonly spent = { read: 0, state: 0, publish: 0 }
  out = 0
  outBytes = 0
  readonly #partition = new MirrorPartition({
    options: { lookbackMs: 300_000, assemblyMs: 10_000, intervalMs: 15_000 },
    figures: noMirrorFigures(),
    budget: new MemoryBudget(() => Number.POSITIVE_INFINITY),
  })
  readonly #samplers = new Map<MirroredTarget, MirrorSampler>()
  readonly #reader = new WriteReader()
  #offset = 0

  async apply(key: Buffer, value: Buffer, time: number): Promise<void> {
    const began = performance.now()
    const request = this.#reader.read(value, '2.0')
    const read = performance.now()
    let published = 0
    for (const step of this.#partition.apply({ offset: this.#offset++, time, key, request })) {
      if (step?.made.kind !== 'snapshot') continue
      const from = performance.now()
      await this.#publish(step.target, step.made)
      published += performance.now() - from
    }
    this.spent.read += read - began
    this.spent.state += performance.now() - read - published
    this.spent.publish += published
  }

  async #publish(target: MirroredTarget, made: MadeSnapshot): Promise<void> {
    let sampler = this.#samplers.get(target)
    if (!sampler) {
      sampler = new MirrorSampler()
      this.#samplers.set(target, sampler)
    }
    if (!sampler.isPrepared(made.layout)) await sampler.prepare(made.layout)
    const { collectedAt, intervalMs, collectSeconds } = made
    const publication = snapshotOf(
      { target: target.labels, incarnation: RELAYED_RUNS.mirror, intervalMs },
      { sequence: collectedAt, collectedAt, collectSeconds },
      sampler.sample(made),
      false,
    )
    for (const record of publication.encode(1)) this.outBytes += record.length
    this.out++
  }
}

export async function run(): Promise<Row[]> {
  const templates = Array.from({ length: TARGETS }, (_, i) => template(i))
  const pipeline = new MirrorPipeline()
  const rates: number[] = []
  for (let n = 0; n < ROUNDS_WARM + ROUNDS; n++) {
    const time = START + n * INTERVAL_MS
    const records = templates.map(one => recordAt(one, time))
    if (n === ROUNDS_WARM) Object.assign(pipeline.spent, { read: 0, state: 0, publish: 0 })
    const out = pipeline.out
    const cpu = process.cpuUsage()
    for (const [i, value] of records.entries())
      await pipeline.apply(templates[i]!.key, value, time + i / TARGETS)
    const { user, system } = process.cpuUsage(cpu)
    if (n >= ROUNDS_WARM) rates.push(((pipeline.out - out) / (user + system)) * 1e6)
  }
  const us = (ms: number) => `${((ms * 1000) / (TARGETS * ROUNDS)).toFixed(1)} µs`
  const { read, state, publish } = pipeline.spent
  return [
    {
      work: `mirrors of ${TARGETS.toLocaleString('en')} targets of ${SERIES} series, from the record of a scrape to the record of its snapshot`,
      figure: `${spread(
        rates.map(rate => (rate * SERIES) / 1e6),
        2,
      )} M samples/CPU-s`,
      note: `of a snapshot: reading ${us(read)}, state ${us(state)}, encoding ${us(publish)}, ${Math.round(pipeline.outBytes / pipeline.out)} bytes; without Kafka`,
    },
  ]
}
