import { Backlog, type Fleet } from './backlog.js'
import type { Bench } from './pipeline.js'
import { ShardProcess } from './shard.js'
import type { Row } from './table.js'

const WINDOW_MS = 2000
/** Targets are stale well before the replay window begins. */
const INTERVAL_MS = 1000

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/**
 * Measures reading the log before the replay window for who and when: once with targets that died
 * before the window, once with the same targets alive.
 */
export async function readBack(bench: Bench, fleet: Fleet, rounds: number): Promise<Row[]> {
  const topic = await bench.topic()
  const backlog = new Backlog({ brokers: bench.brokers }, topic, fleet)
  await backlog.connect()
  const rows: Row[] = []
  try {
    await backlog.append(rounds, INTERVAL_MS)
    await pause(WINDOW_MS + 3 * INTERVAL_MS)
    const megabytes = backlog.bytes / 1e6
    for (const alive of [false, true]) {
      if (alive) await backlog.append(1, INTERVAL_MS)
      rows.push(await ofShard(bench, topic, megabytes, backlog.records, { alive, fleet }))
    }
  } finally {
    await backlog.close()
  }
  return rows
}

async function ofShard(
  bench: Bench,
  topic: string,
  megabytes: number,
  records: number,
  { alive, fleet }: { alive: boolean; fleet: Fleet },
): Promise<Row> {
  const flags = [`--replay.window=${WINDOW_MS}ms`]
  const port = await bench.port()
  const group = `read-back-${alive}-${port}`
  const shard = ShardProcess.start(bench.brokers, topic, port, flags, undefined, group)
  try {
    await shard.ready()
    const cpu = shard.cpu()
    const began = performance.now()
    const loop = await shard.watchLoop(async () => {
      while ((await shard.get('/-/ready')).includes('read back')) await pause(100)
    })
    const seconds = (performance.now() - began) / 1000
    const used = shard.cpu() - cpu
    const read = await shard.telemetry('exposer_read_back_records_total')
    const listed = JSON.parse(await shard.get('/sd')).length
    return {
      work: `read-back, ${fleet.targets} targets × ${fleet.series} series, ${alive ? 'alive' : 'dead'}`,
      figure: `${(megabytes / used).toFixed(0)} MB/CPU-s`,
      goal: '100',
      note: `${megabytes.toFixed(0)} MB in ${read.toFixed(0)} of ${records} records, ${seconds.toFixed(1)} s, ${used.toFixed(2)} CPU-s after ready, longest slice ${loop.longestSliceMs.toFixed(1)} ms, ${listed} targets listed, RSS ${shard.rss().toFixed(0)} MiB`,
    }
  } finally {
    await shard.stop()
  }
}
