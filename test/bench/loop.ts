import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { createSender } from '../../shared/kafka/sender.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import type { Layout } from '../../shared/metrics/layout.js'
import { recordOf } from '../support/layout-record.js'
import { EXPENSIVE_LAYOUTS, simpleLayout } from '../support/layouts.js'
import type { Bench } from './pipeline.js'
import { ShardProcess } from './shard.js'
import { median, type Row } from './table.js'
import { httpService } from './workload.js'

const quiet = { debug() {}, info() {}, warn() {}, error: console.error }
const REFUSED_PER_SECOND = 20
const REFUSED_SECONDS = 40
/** Below the limit of the brokers, 1 MiB a record. */
const DIVISORS: Readonly<Record<string, number>> = {
  'different labels': 3,
  'different label names': 3,
}

/**
 * Measures the longest turn of the event loop of a shard that sees expensive layouts for the first
 * time, and what refused records cost.
 */
export async function loop(bench: Bench): Promise<Row[]> {
  const topic = await bench.topic()
  const kafka = { brokers: bench.brokers }
  const sender = createSender({ kafka, topic, logger: quiet, sendTimeout: 30_000 })
  await sender.connect()
  const shard = ShardProcess.start(bench.brokers, topic, await bench.port())
  const send = ({ key, value }: LogRecord) => sender.send(key!, [value!])
  try {
    await shard.ready()
    return [...(await layouts(shard, send)), await refused(shard, send)]
  } finally {
    await shard.stop()
    await sender.disconnect()
  }
}

async function layouts(
  shard: ShardProcess,
  send: (record: LogRecord) => Promise<unknown>,
): Promise<Row[]> {
  const makes: [string, () => Layout][] = [
    // Code is compiled by the first one.
    ['an HTTP service', () => httpService(50_000, '-first').layout],
    ['an HTTP service', () => httpService(50_000).layout],
    ...Object.entries(EXPENSIVE_LAYOUTS).map(([name, make]): [string, () => Layout] => [
      name,
      () => make(DIVISORS[name] ?? 1),
    ]),
  ]
  const rows: Row[] = []
  for (const [i, [name, make]] of makes.entries()) {
    const record = recordOf(make(), { job: `job-${i}`, sequence: i, collectedAt: Date.now() })
    const before = await snapshots(shard)
    const cpu = shard.cpu()
    const report = await shard.watchLoop(async () => {
      await send(record)
      for (let n = 0; (await snapshots(shard)) === before; n++) {
        if (n > 500) throw new Error(`${name}: the record was not applied`)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
      await shard.drain(`/target?job=job-${i}`)
    })
    if (i === 0) continue
    rows.push({
      work: `longest turn of the event loop, a new layout: ${name}`,
      figure: `${report.longestSliceMs.toFixed(1)} ms of CPU`,
      goal: '≤ 10',
      note: `then ${report.next.map(n => n.toFixed(1)).join(' ')}; record of ${record.value!.length} B, ${((shard.cpu() - cpu) * 1000).toFixed(0)} ms of CPU with a scrape of it`,
    })
  }
  return rows
}

const snapshots = (shard: ShardProcess) => shard.telemetry('exposer_snapshots_total')

/** Each record inflates to 8 MB under a wrong id; between them a neighbour is scraped. */
async function refused(
  shard: ShardProcess,
  send: (record: LogRecord) => Promise<unknown>,
): Promise<Row> {
  const compressed = gzipSync(Buffer.alloc(8_000_000))
  const delays: number[] = []
  await send(recordOf(simpleLayout(100), { job: 'good', collectedAt: Date.now() }))
  const start = performance.now()
  let cpu = shard.cpu()
  let measuredFrom = start
  for (let i = 1; i <= REFUSED_PER_SECOND * REFUSED_SECONDS; i++) {
    const id = createHash('sha256').update(`${i}`).digest().toString('latin1', 0, 16)
    const layout = { id, compressed, series: 0 }
    await send(recordOf(layout, { job: 'bad', sequence: i, collectedAt: Date.now() }))
    if (i % REFUSED_PER_SECOND === 0) {
      await send(recordOf(simpleLayout(100), { job: 'good', sequence: i, collectedAt: Date.now() }))
      const scraped = performance.now()
      await shard.drain('/target?job=good')
      delays.push(performance.now() - scraped)
    }
    // The first half uses up what may be spent at once.
    if (i === (REFUSED_PER_SECOND * REFUSED_SECONDS) / 2) {
      cpu = shard.cpu()
      measuredFrom = performance.now()
    }
    const due = start + (i * 1000) / REFUSED_PER_SECOND
    await new Promise(resolve => setTimeout(resolve, Math.max(0, due - performance.now())))
  }
  const seconds = (performance.now() - measuredFrom) / 1000
  return {
    work: `${REFUSED_PER_SECOND} refused records of ${compressed.length} B a second, each inflates to 8 MB`,
    figure: `${(((shard.cpu() - cpu) / seconds) * 100).toFixed(1)} % of a core`,
    note: `a neighbour's scrape takes ${median(delays).toFixed(1)} ms, at most ${Math.max(...delays).toFixed(1)} ms; ${(await shard.telemetry('exposer_records_rejected_total')).toFixed(0)} refused`,
  }
}
