import { startKafka } from '../../dev/local/kafka.js'
import { freePort } from '../../dev/local/ports.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { Backlog, type Fleet } from './backlog.js'
import { ShardProcess } from './shard.js'
import { median, type Row, spread } from './table.js'

/**
 * Measures a whole shard: the compiled program in its own process, with a real Kafka. CPU time is
 * that of all threads of the process, without its start unless the row says so.
 */
export interface Bench {
  readonly brokers: string[]
  /** Process id of the broker. Null if it is not a child process. */
  readonly kafkaPid: number | null
  topic(): Promise<string>
  port(): Promise<number>
}

export async function withKafka<T>(work: (bench: Bench) => Promise<T>): Promise<T> {
  const kafka = await startKafka()
  let topics = 0
  try {
    return await work({
      brokers: kafka.brokers,
      kafkaPid: kafka.pid,
      async topic() {
        const topic = `bench.${process.pid}.${topics++}`
        await createTopic(
          { brokers: kafka.brokers },
          { topic, partitions: 12, replicationFactor: 1, retentionMs: 3_600_000 },
        )
        return topic
      },
      port: () => freePort(),
    })
  } finally {
    await kafka.stop()
  }
}

const identity = { 'accept-encoding': 'identity' }
const gzip = { 'accept-encoding': 'gzip' }
// A shard that is suspended while a backlog is appended must still own its partitions afterwards.
const longSession = ['--kafka.session-timeout=2m']

async function seriesIn(shard: ShardProcess, path: string): Promise<number> {
  let lines = 0
  for (const line of (await shard.get(path, identity)).split('\n'))
    if (line && line[0] !== '#') lines++
  return lines
}

/**
 * Measures the drain of a backlog. The shard is suspended (SIGSTOP) while the backlog is appended,
 * and then continued. It decodes and applies every snapshot, without a replay. The drain ends with
 * a scrape of /metrics that has the last snapshots.
 */
export async function drain(
  bench: Bench,
  fleet: Fleet,
  rounds: number,
  goal: number,
): Promise<Row> {
  const topic = await bench.topic()
  const backlog = new Backlog({ brokers: bench.brokers }, topic, fleet)
  await backlog.connect()
  const shard = ShardProcess.start(bench.brokers, topic, await bench.port(), longSession)
  const rates: number[] = []
  let first = 0
  try {
    await shard.ready()
    for (let run = 0; run < 4; run++) {
      shard.signal('SIGSTOP')
      await backlog.append(rounds)
      const before = shard.cpu()
      shard.signal('SIGCONT')
      while ((await shard.telemetry('exposer_position')) < backlog.records) {
        await new Promise(resolve => setTimeout(resolve, 100))
      }
      await shard.drain('/metrics', identity)
      const rate = (rounds * fleet.targets * fleet.series) / (shard.cpu() - before) / 1e6
      if (run === 0) first = rate
      else rates.push(rate)
    }
    const exposed = await seriesIn(shard, '/metrics')
    if (exposed < fleet.targets * fleet.series)
      throw new Error(`only ${exposed} series on /metrics`)
  } finally {
    await shard.stop()
    await backlog.close()
  }
  const bytes = Math.round(backlog.bytes / backlog.records)
  return {
    work: `drain ${rounds} × ${fleet.targets} targets × ${fleet.series} series, until exposed at /metrics`,
    figure: `${spread(rates)} M samples/CPU-s`,
    goal: `≥ ${goal} M`,
    note: `3 runs after a first one of ${first.toFixed(1)} M in a new process; one record of ${bytes} B per request; no replay; includes the scrape`,
  }
}

/** Measures the CPU time of a scrape of the massive view. */
export async function scrape(bench: Bench): Promise<Row[]> {
  const topic = await bench.topic()
  const backlog = new Backlog({ brokers: bench.brokers }, topic, { targets: 100, series: 1000 })
  await backlog.connect()
  await backlog.append(2)
  const shard = ShardProcess.start(bench.brokers, topic, await bench.port())
  try {
    await shard.ready()
    const rows: Row[] = []
    for (const [name, headers, goal] of [
      ['plain', identity, 0.03],
      ['gzip', gzip, 0.05],
    ] as const) {
      const figures: number[] = []
      let bytes = 0
      for (let i = 0; i < 31; i++) {
        const before = shard.cpu()
        bytes = await shard.drain('/metrics', headers)
        if (i >= 10) figures.push(shard.cpu() - before)
      }
      rows.push({
        work: `one scrape of /metrics with 100k series, ${name}`,
        figure: `${spread(figures, 3)} CPU-s`,
        goal: `≤ ${goal}`,
        note: `median of 21 scrapes after 10; ${(bytes / 1e6).toFixed(1)} MB of text, 100 targets × 1,000 series`,
      })
    }
    return rows
  } finally {
    await shard.stop()
    await backlog.close()
  }
}

/** Measures memory, restart and the event loop with a million series. */
export async function million(bench: Bench, distinctLayouts: boolean): Promise<Row[]> {
  const fleet = { targets: 1000, series: 1000, distinctLayouts }
  const layouts = distinctLayouts ? '1,000 layouts' : 'one layout'
  const topic = await bench.topic()
  const backlog = new Backlog({ brokers: bench.brokers }, topic, fleet)
  await backlog.connect()
  await backlog.append(40)
  const rows: Row[] = []
  try {
    rows.push(...(await restart(bench, topic, backlog, layouts)))
    rows.push(...(await memoryAndLoop(bench, topic, backlog, distinctLayouts)))
  } finally {
    await backlog.close()
  }
  return rows
}

async function restart(
  bench: Bench,
  topic: string,
  backlog: Backlog,
  layouts: string,
): Promise<Row[]> {
  const seconds: number[] = []
  const cpu: number[] = []
  for (let run = 0; run < 3; run++) {
    const shard = ShardProcess.start(bench.brokers, topic, await bench.port())
    try {
      seconds.push((await shard.ready()) / 1000)
      cpu.push(shard.cpu())
      if (run === 0 && (await seriesIn(shard, '/metrics')) < 1e6)
        throw new Error('series are missing after the restart')
    } finally {
      await shard.stop()
    }
  }
  return [
    {
      work: `restart of a shard with 1 M series and 40 rounds in the log, until ready, ${layouts}`,
      figure: `${spread(seconds)} s wall, ${spread(cpu)} CPU-s`,
      goal: '≤ 5 s',
      note: `3 planned restarts; includes the start of the process; ${(backlog.bytes / 1e6).toFixed(0)} MB in the log, 40,000 records`,
    },
  ]
}

async function memoryAndLoop(
  bench: Bench,
  topic: string,
  backlog: Backlog,
  distinct: boolean,
): Promise<Row[]> {
  const shard = ShardProcess.start(bench.brokers, topic, await bench.port())
  const layouts = distinct ? '1,000 layouts' : 'one layout'
  try {
    await shard.ready()
    const replayed = shard.rss()
    for (let i = 0; i < 3; i++) await shard.drain('/metrics', identity)
    const rendered = shard.rss()
    const report = await shard.watchLoop(async () => {
      let appending = true
      const append = backlog.append(3).finally(() => {
        appending = false
      })
      do await shard.drain('/metrics', gzip)
      while (appending)
      await append
    })
    return [
      {
        work: `RSS with 1 M series after scrapes of /metrics, ${layouts}`,
        figure: `${rendered.toFixed(0)} MiB`,
        goal: distinct ? '≤ 300' : '≤ 150',
        note: `${replayed.toFixed(0)} after the replay, ${shard.rss().toFixed(0)} after consuming during gzip scrapes`,
      },
      {
        work: `longest slice of the event loop, consuming during scrapes of 1 M series, ${layouts}`,
        figure: `${report.longestSliceMs.toFixed(1)} ms of CPU`,
        goal: '≤ 10',
        note: `then ${report.next.map(n => n.toFixed(1)).join(' ')}; loop delay p99 ${report.delayP99Ms.toFixed(1)} ms, max ${report.delayMaxMs.toFixed(1)} ms`,
      },
    ]
  } finally {
    await shard.stop()
  }
}

/** Measures the CPU time of a shard that owns twelve partitions without traffic. */
export async function idleShard(bench: Bench, seconds = 20): Promise<Row> {
  const shard = ShardProcess.start(bench.brokers, await bench.topic(), await bench.port())
  try {
    await shard.ready()
    await new Promise(resolve => setTimeout(resolve, 5000))
    const figures: number[] = []
    for (let run = 0; run < 3; run++) {
      const before = shard.cpu()
      await new Promise(resolve => setTimeout(resolve, (seconds * 1000) / 3))
      figures.push(((shard.cpu() - before) / (seconds / 3)) * 100)
    }
    return {
      work: 'idle shard, 12 partitions',
      figure: `${median(figures).toFixed(2)} % of a core`,
      goal: '≤ 1 %',
      note: `${spread(figures, 2)} in 3 × ${(seconds / 3).toFixed(0)} s`,
    }
  } finally {
    await shard.stop()
  }
}
