import { COLLECTOR_NAMES } from '../../agent/host/host.js'
import { startNodeExporter } from '../../dev/local/node-exporter.js'
import { AgentProcess } from './agent/contenders.js'
import { NullReceiver } from './agent/null-receiver.js'
import { ServedTargets } from './agent/served-targets.js'
import type { Bench } from './pipeline.js'
import { type Row, spread } from './table.js'
import { cpuOf, rssOf } from './usage.js'

const INTERVAL_S = 15
/** Windows of whole intervals, so that each has the same number of collections. */
const WINDOWS = 3
const WINDOW_S = 2 * INTERVAL_S
/** Collections per second, for the CPU time of one collection without that of an idle program. */
const FAST_WINDOW_S = 20
const LOAD = { targets: 1000, series: 100 }

const pause = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000))

/** An agent next to node_exporter, and next to Prometheus in agent mode. */
export async function agent(bench: Bench): Promise<Row[]> {
  return [...(await hostRows(bench)), ...(await targetRows(bench))]
}

interface Measured {
  /** CPU time since the start, seconds. */
  cpu(): number
  /** MiB. */
  rss(): number
}

/** Share of a core that each takes in each window, %. */
async function sharesOf(
  programs: readonly Measured[],
  windows: number,
  seconds: number,
): Promise<number[][]> {
  const shares: number[][] = programs.map(() => [])
  for (let run = 0; run < windows; run++) {
    const start = performance.now()
    const before = programs.map(program => program.cpu())
    await pause(seconds)
    const elapsed = (performance.now() - start) / 1000
    for (const [i, program] of programs.entries())
      shares[i].push((100 * (program.cpu() - before[i])) / elapsed)
  }
  return shares
}

/** Calls `work` at a regular interval until the returned function is called. */
function each(seconds: number, work: () => Promise<unknown>): () => void {
  const timer = setInterval(() => void work(), seconds * 1000)
  return () => clearInterval(timer)
}

/**
 * The host's metrics, collected by an agent that publishes them and by a node_exporter that is
 * scraped, at the same time.
 */
async function hostRows(bench: Bench): Promise<Row[]> {
  const exporter = await startNodeExporter(COLLECTOR_NAMES)
  const scrape = async () => (await fetch(`${exporter.url}/metrics`)).arrayBuffer()
  const theirs: Measured = {
    cpu: () => cpuOf(exporter.pid),
    rss: () => rssOf(exporter.pid),
  }
  try {
    /** Both collect at this interval for some windows, after one for warming up. */
    const run = async (interval: number, windows: number, seconds: number) => {
      const flags = [...(await kafkaFlags(bench)), `--scrape.interval=${interval}s`]
      const ours = await AgentProcess.ours(null, flags)
      const stop = each(interval, scrape)
      try {
        await pause(interval)
        const shares = await sharesOf([ours, theirs], windows, seconds)
        return { shares, rss: [ours.rss(), theirs.rss()] }
      } finally {
        stop()
        await ours.stop()
      }
    }
    const slow = await run(INTERVAL_S, WINDOWS, WINDOW_S)
    const fast = await run(1, WINDOWS, FAST_WINDOW_S)
    return ['agent', 'node_exporter'].flatMap((name, i) => {
      const goal = (text: string) => (i === 0 ? { goal: text } : {})
      const perCollection = fast.shares[i].map(share => share * 10)
      return [
        {
          work: `metrics of the host each ${INTERVAL_S} s: ${name}`,
          figure: `${spread(slow.shares[i], 2)} % of a core`,
          ...goal('≤ 0.5 %'),
          note: `${WINDOWS} × ${WINDOW_S} s; ${spread(perCollection, 1)} ms of CPU per collection when there is one each second`,
        },
        {
          work: `RSS, metrics of the host: ${name}`,
          figure: `${slow.rss[i].toFixed(0)} MiB`,
          ...goal('≤ 64 MiB'),
        },
      ]
    })
  } finally {
    await exporter.stop()
  }
}

/** The same targets, one agent after the other. */
async function targetRows(bench: Bench): Promise<Row[]> {
  const targets = await ServedTargets.start(LOAD.targets, LOAD.series)
  const receiver = await NullReceiver.start()
  const work = `${LOAD.targets} targets × ${LOAD.series} series each ${INTERVAL_S} s`
  const remoteWrite = [{ url: receiver.url }]
  const flags = await kafkaFlags(bench)
  const contenders = [
    {
      to: 'agent, to Kafka',
      start: () => AgentProcess.ours(targets.config(INTERVAL_S), flags),
      goal: '≤ 15 %',
    },
    {
      to: 'Prometheus 3.5 in agent mode, to a remote write receiver',
      start: () => AgentProcess.prometheus(targets.config(INTERVAL_S, remoteWrite)),
      goal: undefined,
    },
  ]
  const rows: Row[] = []
  try {
    for (const { to, start, goal } of contenders) {
      const program = await start()
      try {
        await pause(INTERVAL_S + 5)
        const before = await targets.scrapes()
        const [shares] = await sharesOf([program], WINDOWS, WINDOW_S)
        const scraped = (await targets.scrapes()) - before
        rows.push({
          work: `${work}: ${to}`,
          figure: `${spread(shares, 1)} % of a core`,
          ...(goal && { goal }),
          note: `${WINDOWS} × ${WINDOW_S} s; ${scraped} scrapes; RSS ${program.rss().toFixed(0)} MiB`,
        })
      } finally {
        await program.stop()
      }
    }
  } finally {
    targets.stop()
    receiver.stop()
  }
  return rows
}

const kafkaFlags = async (bench: Bench): Promise<string[]> => [
  `--kafka.brokers=${bench.brokers.join(',')}`,
  `--kafka.topic=${await bench.topic()}`,
]
