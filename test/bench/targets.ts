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
 * CPU of the shard for one scrape of a small virtual target, at the pace of a thousand of them every 5 s, on kept connections.
 * What the shard needs when nobody asks is measured in between and taken off.
 *
 * @param against the folder of another checkout that has been built: its program is measured in turns with this one's
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
          [', the other', join(against, 'dist/cli/main.js')],
          [', this', undefined],
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
        // Outside of what is measured, and before anybody is stale.
        await backlog.append(1, INTERVAL_MS)
        await pause(500)
        const dense = await backToBack(shard, encoding)
        // The first run is there to have the program compiled as it will be after a minute.
        if (run < 0) continue
        busy.push(dense.microseconds)
        paced.push((await period(shard, encoding)).microseconds)
        cell.bytes = dense.bytes
      }
    }
    return cells.map(({ name, encoding, paced, busy, bytes }) => ({
      work: `one scrape of /target, ${series} series, ${encoding === 'gzip' ? 'gzip accepted' : 'plain'}${name}`,
      figure: `${spread(paced, 0)} µs CPU`,
      note: `${RUNS} × ${PERIOD_S} s of ${PER_SECOND}/s, idle taken off; ${spread(busy, 0)} back to back; ${bytes} B`,
    }))
  } finally {
    for (const { shard } of shards) await shard.stop()
    await backlog.close()
  }
}

/** @returns of one scrape: CPU of all threads in µs, and bytes of the body */
async function period(shard: ShardProcess, encoding: string) {
  const before = shard.cpu()
  await pause(1000)
  const idle = shard.cpu() - before
  return perScrape(shard, encoding, PER_SECOND * PERIOD_S, { perSecond: PER_SECOND, idle })
}

/** The same without a pause between scrapes: caches, compiled code and the event loop stay warm. */
const backToBack = (shard: ShardProcess, encoding: string, scrapes = 3000) =>
  perScrape(shard, encoding, scrapes, { perSecond: Number.POSITIVE_INFINITY, idle: 0 })

/** @param pace `idle` is what the shard takes when nobody asks, CPU seconds a second */
async function perScrape(
  shard: ShardProcess,
  encoding: string,
  scrapes: number,
  pace: { readonly perSecond: number; readonly idle: number },
) {
  const { host, port } = new URL(shard.url)
  const scrapers = Array.from({ length: CONNECTIONS }, () => new Scraper(host, Number(port), encoding))
  const before = shard.cpu()
  const begun = performance.now()
  let asked = 0
  let bytes = 0
  const work = async (scraper: Scraper) => {
    for (;;) {
      const i = asked++
      if (i >= scrapes) return
      const due = begun + (i * 1000) / pace.perSecond
      while (performance.now() < due) await pause(1)
      const path = pathOf(i % TARGETS)
      const answer = await scraper.scrape(path)
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`)
      bytes += answer.bytes
    }
  }
  try {
    await Promise.all(scrapers.map(work))
    const seconds = (performance.now() - begun) / 1000
    const cpu = shard.cpu() - before - pace.idle * seconds
    return { microseconds: (cpu / scrapes) * 1e6, bytes: Math.round(bytes / scrapes) }
  } finally {
    for (const scraper of scrapers) scraper.close()
  }
}

const pathOf = (t: number) => `/target?instance=10.1.${t >> 8}.${t & 255}%3A8080&job=api`
