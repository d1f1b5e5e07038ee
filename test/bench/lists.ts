import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { partitionFor } from '../../shared/base/murmur2.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeLayout } from '../../shared/snapshot/layout.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { HandFed, oneCounter, PARTITIONS } from '../exposer/hand-fed.js'
import { LoopWatch } from './loop-watch.js'
import { type Row, spread } from './table.js'

const TARGETS = 100_000
const SHARDS = 100
const RUNS = 5

const labelsOf = (i: number) => ({
  instance: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:8080`,
  job: 'api',
})

/** Measures `/sd` of one shard with 100,000 targets, and of a group of 100 shards with as many. */
export async function lists(): Promise<Row[]> {
  return [await ofShard(), await ofGroup()]
}

async function ofShard(): Promise<Row> {
  const shard = await HandFed.start({ externalUrl: 'http://exposer.example:9754' })
  try {
    shard.assign(Array.from({ length: PARTITIONS }, (_, p) => p))
    for (let i = 0; i < TARGETS; i++) shard.services.shard.apply(...recordOf(i), shard.clock.now())
    return await measured(shard, `/sd of a shard with ${TARGETS} targets`)
  } finally {
    await shard.stop()
  }
}

async function ofGroup(): Promise<Row> {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: 'shards' })
  const port = await new Promise<number>(resolve => worker.once('message', resolve))
  const shard = await HandFed.start({ externalUrl: 'http://exposer.example:9754' })
  try {
    shard.partitions = SHARDS
    shard.map = () => ({
      stable: true,
      partitionCount: SHARDS,
      members: Array.from({ length: SHARDS }, (_, i) => ({
        memberId: String(i),
        address: i === 0 ? shard.url : `http://127.0.0.1:${port}/${i}`,
        partitions: [i],
      })),
    })
    shard.assign([0])
    return await measured(shard, `/sd of ${SHARDS} shards with ${TARGETS} targets together`)
  } finally {
    await shard.stop()
    await worker.terminate()
  }
}

async function measured(shard: HandFed, work: string): Promise<Row> {
  const seconds: number[] = []
  const cpu: number[] = []
  let longest = 0
  let etag = ''
  for (let run = -1; run < RUNS; run++) {
    shard.ahead += 1500
    const watch = new LoopWatch()
    watch.start()
    const began = performance.now()
    const before = process.cpuUsage()
    const response = await shard.get('/sd')
    let bytes = 0
    for await (const chunk of response.body!) bytes += chunk.length
    const { user, system } = process.cpuUsage(before)
    watch.stop()
    if (response.status !== 200 || bytes < 1e6)
      throw new Error(`${response.status}, ${bytes} bytes`)
    etag = response.headers.get('etag') ?? ''
    if (run < 0) continue
    seconds.push((performance.now() - began) / 1000)
    cpu.push((user + system) / 1e6)
    longest = Math.max(longest, watch.longest[0] ?? 0)
  }
  const again = await shard.get('/sd', { 'if-none-match': etag })
  return {
    work,
    figure: `${spread(seconds)} s`,
    goal: '1',
    note: `${spread(cpu)} CPU-s with the client, longest slice ${longest.toFixed(1)} ms; ${again.status} with If-None-Match`,
  }
}

function recordOf(i: number): [number, LogRecord] {
  const labels = labelsOf(i)
  const target = [
    { name: 'instance', value: labels.instance },
    { name: 'job', value: labels.job },
  ]
  const key = targetKey(target)
  const layout = encodeLayout(oneCounter)
  const now = Date.now()
  const header = {
    target,
    incarnation: now,
    sequence: 0,
    superseded: 0,
    collectedAt: now,
    intervalMs: 15_000,
    collectSeconds: 0.01,
    part: 0,
    parts: 1,
    end: false,
    layoutId: layout.id,
  }
  const value = encodeSnapshot(header, { layoutCompressed: layout.compressed, values: [1] })
  return [partitionFor(key, PARTITIONS), { offset: i, timestamp: now, key, value }]
}

/** All other shards, in one thread: each answers with its lines. */
function serveShards(): void {
  const linesOf = (shard: number) =>
    Array.from({ length: TARGETS / SHARDS }, (_, i) => {
      const { instance, job } = labelsOf(i * SHARDS + shard)
      const own = { instance, __param_instance: instance, job, __param_job: job }
      const labels = { __metrics_path__: '/target', __scrape_interval__: '15000ms', ...own }
      return JSON.stringify({ targets: ['exposer.example:9754'], labels })
    }).sort()
  const bodies = Array.from({ length: SHARDS }, (_, i) => Buffer.from(`${linesOf(i).join('\n')}\n`))
  const server = createServer((request, response) => {
    const shard = Number(/^\/(\d+)\//.exec(request.url!)?.[1])
    response.setHeader('X-Exposer-Partitions', String(shard))
    response.setHeader('Content-Type', 'application/x-ndjson')
    response.end(bodies[shard])
  })
  server.listen(0, '127.0.0.1', () =>
    parentPort!.postMessage((server.address() as AddressInfo).port),
  )
}

if (!isMainThread && workerData === 'shards') serveShards()
