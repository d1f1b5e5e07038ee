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
/** Of the targets that only are scraped: no pause of the machine makes them stale. */
const LONG_INTERVAL_MS = 60_000
/** Rounds of records per measurement of a shard that consumes and is scraped. */
const ROUNDS = 2
const GZIP = 'gzip'

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
  for (const series of [100, 300])
    rows.push(
      ...(await withShards(bench, series, against, (shards, backlog) =>
        scrapesOnly(shards, backlog, series),
      )),
    )
  rows.push(...(await withShards(bench, 100, against, recordsAndScrapes)))
  return rows
}

/** A shard, and the suffix of its rows. */
interface Measured {
  readonly name: string
  readonly shard: ShardProcess
}

async function withShards(
  bench: Bench,
  series: number,
  against: string | undefined,
  measure: (shards: readonly Measured[], backlog: Backlog) => Promise<Row[]>,
): Promise<Row[]> {
  const topic = await bench.topic()
  // An older build may not know the dictionary.
  const layoutCompression = against ? 'gzip' : undefined
  const fleet = { targets: TARGETS, series, layoutCompression } as const
  const backlog = new Backlog({ brokers: bench.brokers }, topic, fleet)
  const shards: Measured[] = []
  try {
    await backlog.connect()
    await backlog.append(2, LONG_INTERVAL_MS)
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
    return await measure(shards, backlog)
  } finally {
    for (const { shard } of shards) await shard.stop()
    await backlog.close()
  }
}

async function scrapesOnly(
  shards: readonly Measured[],
  backlog: Backlog,
  series: number,
): Promise<Row[]> {
  const cells = ([GZIP, 'identity'] as const).flatMap(encoding =>
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
      await backlog.append(1, LONG_INTERVAL_MS)
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
    work: `one scrape of /target, ${series} series, ${encoding === GZIP ? 'gzip accepted' : 'plain'}${name}`,
    figure: `${spread(busy, 0)} µs CPU`,
    goal: series === 100 ? '≤ 200' : undefined,
    note: `${RUNS} × 3000 back to back; ${spread(paced, 0)} at ${PER_SECOND}/s, without idle CPU; ${bytes} B`,
  }))
}

/** A shard that consumes the records of the targets and is scraped, each at the same rate. */
async function recordsAndScrapes(
  shards: readonly Measured[],
  backlog: Backlog,
  series = 100,
): Promise<Row[]> {
  const intervalMs = (TARGETS * 1000) / PER_SECOND
  const cells = shards.map(({ name, shard }) => ({ name, shard, percent: [] as number[] }))
  for (let run = -1; run < RUNS; run++) {
    for (const { shard, percent } of cells) {
      const before = shard.cpu()
      const start = performance.now()
      const pace = { perSecond: PER_SECOND, idle: 0 }
      await Promise.all([
        backlog.append(ROUNDS, intervalMs, PER_SECOND),
        perScrape(shard, GZIP, ROUNDS * TARGETS, pace),
      ])
      const seconds = (performance.now() - start) / 1000
      if (run >= 0) percent.push(((shard.cpu() - before) / seconds) * 100)
    }
  }
  return cells.map(({ name, percent }) => ({
    work: `${TARGETS} targets of ${series} series every ${intervalMs / 1000} s, records and scrapes${name}`,
    figure: `${spread(percent)} % of a core`,
    goal: '≤ 8 %',
    note: `${RUNS} × ${(ROUNDS * intervalMs) / 1000} s; ${PER_SECOND} records and ${PER_SECOND} scrapes a second, one by one, gzip accepted`,
  }))
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
