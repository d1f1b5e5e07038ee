import { join } from 'node:path'
import { Backlog } from './backlog.js'
import type { Bench } from './pipeline.js'
import { Scraper } from './scraper.js'
import { ShardProcess } from './shard.js'
import { type Row, spread } from './table.js'

const TARGETS = 1000
const PER_SECOND = 200
const CONNECTIONS = 8
const PERIOD_S = 3
const RUNS = 3
const INTERVAL_MS = 5000

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/**
 * Measures the CPU time of a shard per scrape of a small virtual target, at the rate of a thousand
 * targets every 5 s, on persistent connections. The CPU time of the idle shard is measured in
 * between and subtracted.
 *
 * @param against folder of another built checkout, which is measured too, interleaved with this one
 */
export async function targets(bench: Bench, against?: string): Promise<Row[]> {
  const rows: Row[] = []
  for (const series of [100, 300]) rows.push(...(await ofSize(bench, series, against)))
  return rows
}

async function ofSize(bench: Bench, series: number, against: string | undefined): Promise<Row[]> {
  const topic = await bench.topic()
  const backlog = new Backlog({ brokers: bench.brokers }, topic, { targets: TARGETS, series })
  const shards: { name: string; shard: ShardProcess }[] = []
  try {
    await backlog.connect()
    await backlog.append(2, INTERVAL_MS)
    const programs: [string, string | undefined][] = against
      ? [
          [', other build', join(against, 'dist/cli/main.js')],
          [', this build', undefined],
        ]
      : [['', undefined]]
    for (const [name, program] of programs) {
      const port = await bench.port()
      shards.push({
        name,
        shard: ShardProcess.start(bench.brokers, topic, port, [], program, `bench-${name}`),
      })
    }
    for (const { shard } of shards) await shard.ready()
    const cells = (['gzip', 'identity'] as const).flatMap(encoding =>
      shards.map(({ name, shard }) => ({
        name,
        shard,
        encoding,
        paced: [] as number[],
        busy: [] as number[],
        bytes: 0,
      })),
    )
    for (let run = -1; run < RUNS; run++) {
      for (const cell of cells) {
        const { shard, encoding, paced, busy } = cell
        // Not measured. It keeps the targets from becoming stale.
        await backlog.append(1, INTERVAL_MS)
        await pause(500)
        const dense = await backToBack(shard, encoding)
        // The first run is the warm-up.
        if (run < 0) continue
        busy.push(dense.microseconds)
        paced.push((await period(shard, encoding)).microseconds)
        cell.bytes = dense.bytes
      }
    }
    return cells.map(({ name, encoding, paced, busy, bytes }) => ({
      work: `one scrape of /target, ${series} series, ${encoding === 'gzip' ? 'gzip accepted' : 'plain'}${name}`,
      figure: `${spread(paced, 0)} µs CPU`,
      note: `${RUNS} × ${PERIOD_S} s at ${PER_SECOND}/s, without idle CPU; ${spread(busy, 0)} back to back; ${bytes} B`,
    }))
  } finally {
    for (const { shard } of shards) await shard.stop()
    await backlog.close()
  }
}

/** @returns per scrape: CPU time of all threads, µs, and size of the body, bytes */
async function period(shard: ShardProcess, encoding: string) {
  const before = shard.cpu()
  await pause(1000)
  const idle = shard.cpu() - before
  return perScrape(shard, encoding, PER_SECOND * PERIOD_S, { perSecond: PER_SECOND, idle })
}

/** The same without pauses between scrapes, so that processor caches stay warm. */
const backToBack = (shard: ShardProcess, encoding: string, scrapes = 3000) =>
  perScrape(shard, encoding, scrapes, { perSecond: Number.POSITIVE_INFINITY, idle: 0 })

/** @param pace scrapes per second, and CPU seconds per second of the idle shard */
async function perScrape(
  shard: ShardProcess,
  encoding: string,
  scrapes: number,
  pace: { readonly perSecond: number; readonly idle: number },
) {
  const { host, port } = new URL(shard.url)
  const scrapers = Array.from(
    { length: CONNECTIONS },
    () => new Scraper(host, Number(port), encoding),
  )
  const before = shard.cpu()
  const start = performance.now()
  let sent = 0
  let bytes = 0
  const work = async (scraper: Scraper) => {
    for (;;) {
      const i = sent++
      if (i >= scrapes) return
      const due = start + (i * 1000) / pace.perSecond
      while (performance.now() < due) await pause(1)
      const path = pathOf(i % TARGETS)
      const answer = await scraper.scrape(path)
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
      bytes += answer.bytes
    }
  }
  try {
    await Promise.all(scrapers.map(work))
    const seconds = (performance.now() - start) / 1000
    const cpu = shard.cpu() - before - pace.idle * seconds
    return { microseconds: (cpu / scrapes) * 1e6, bytes: Math.round(bytes / scrapes) }
  } finally {
    for (const scraper of scrapers) scraper.close()
  }
}

const pathOf = (t: number) => `/target?instance=10.1.${t >> 8}.${t & 255}%3A8080&job=api`
