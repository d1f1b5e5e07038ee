import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import { Lab } from '../../lab/harness/lab.js'
import { globalConfig, job } from '../../lab/harness/prometheus.js'
import type { Bench } from './pipeline.js'
import { ShardProcess } from './shard.js'
import { failedRow, median, type Row, spread } from './table.js'
import { cpuOf } from './usage.js'

interface Load {
  readonly targets: number
  readonly series: number
  readonly intervalSeconds: number
}

const LOADS: readonly Load[] = [
  { targets: 1000, series: 100, intervalSeconds: 5 },
  { targets: 1000, series: 500, intervalSeconds: 5 },
]
/** CPU time of processes by name, seconds. */
type Meters = Readonly<Record<string, () => number>>

/** Windows per variant, and their length. Each contains whole scrape intervals. */
const WINDOWS = 3
const WINDOW_S = 10
/** `up` and the `scrape_*` samples of each scrape. */
const SAMPLES_OF_A_SCRAPE = 5
/** Below it the machine is overloaded, and the figures are not those of the load. */
const MIN_STORED = 0.95
const START_TIMEOUT_MS = 180_000

const pause = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000))

/**
 * Measures the CPU time of the whole pipeline for a million stored samples: Prometheus, exposer and
 * Kafka, in comparison with a Prometheus that scrapes the same apps directly. One process stands for
 * all apps: they are scraped and publish at the same time. The two Prometheus servers take turns:
 * one of them is suspended (SIGSTOP) while the other is measured.
 */
export async function whole(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const load of LOADS) {
    try {
      rows.push(...(await ofLoad(bench, load)))
    } catch (error) {
      rows.push(failedRow(describe(load), error))
    }
  }
  return rows
}

const describe = ({ targets, series, intervalSeconds }: Load) =>
  `${targets} targets × ${series} series every ${intervalSeconds} s`

async function ofLoad(bench: Bench, load: Load): Promise<Row[]> {
  const { targets, series, intervalSeconds } = load
  const topic = await bench.topic()
  const port = await bench.port()
  const external = `--web.external-url=http://127.0.0.1:${port}`
  const lab = new Lab({
    seed: 1,
    signal: new AbortController().signal,
    onStep() {},
    onCompletion() {},
  })
  const shard = ShardProcess.start(bench.brokers, topic, port, [external])
  lab.defer(() => shard.stop())
  try {
    await shard.ready()
    const fleet = await lab.startFleet({
      job: 'lab',
      targets,
      series,
      intervalMs: intervalSeconds * 1000,
      brokers: bench.brokers,
      topics: { snapshots: topic },
    })
    const interval = `${intervalSeconds}s`
    const started = async (scrape: object) => {
      const prometheus = await startPrometheus({
        config: { global: globalConfig(interval), scrape_configs: [scrape] },
      })
      lab.defer(() => prometheus.stop())
      return new Storage(prometheus)
    }
    const direct = await started(job.direct(interval, [fleet.process]))
    const virtual = await started(job.virtualTargets(shard))
    for (const storage of [direct, virtual]) await storage.holds(targets)
    const { kafkaPid } = bench
    // The CPU time of the brokers of KAFKA_BROKERS is unknown.
    const kafka: Meters = kafkaPid === null ? {} : { Kafka: () => cpuOf(kafkaPid) }
    const variants: readonly {
      readonly storage: Storage
      readonly other: Storage
      readonly processes: Meters
    }[] = [
      { storage: direct, other: virtual, processes: {} },
      { storage: virtual, other: direct, processes: { exposer: () => shard.cpu(), ...kafka } },
    ]
    const windows: Window[][] = [[], []]
    for (let run = 0; run < WINDOWS; run++)
      for (const [i, { storage, other, processes }] of variants.entries()) {
        other.suspend()
        storage.resume()
        // After its pause a Prometheus scrapes all targets at once.
        await pause(intervalSeconds + 2)
        windows[i].push(await measured(storage, processes, load))
      }
    for (const variant of windows) checkStored(variant)
    return rowsOf(load, windows)
  } finally {
    await lab.close()
  }
}

/** A Prometheus server as a store of samples. */
class Storage {
  constructor(private readonly prometheus: LocalPrometheus) {}

  cpu(): number {
    return cpuOf(this.prometheus.pid)
  }

  suspend(): void {
    this.prometheus.child.signal('SIGSTOP')
  }

  resume(): void {
    this.prometheus.child.signal('SIGCONT')
  }

  /** Samples stored since its start. */
  async samples(): Promise<number> {
    const text = await (await fetch(`${this.prometheus.url}/metrics`)).text()
    const found = text.matchAll(/^prometheus_tsdb_head_samples_appended_total\S* (\S+)$/gm)
    return [...found].reduce((sum, [, value]) => sum + Number(value), 0)
  }

  /** Waits until this many targets have been scraped. */
  async holds(targets: number): Promise<void> {
    for (const until = performance.now() + START_TIMEOUT_MS; ; ) {
      const [sample] = await this.prometheus.query('count(up == 1)')
      const up = Number(sample?.value[1] ?? 0)
      if (up >= targets) return
      if (performance.now() > until) throw new Error(`${up} of ${targets} targets are scraped`)
      await pause(0.2)
    }
  }
}

/** CPU seconds per million stored samples, by process, and the share of the samples stored. */
interface Window {
  readonly cpu: Readonly<Record<string, number>>
  readonly stored: number
}

async function measured(
  storage: Storage,
  processes: Meters,
  { targets, series, intervalSeconds }: Load,
): Promise<Window> {
  const meters: [string, () => number][] = [
    ['Prometheus', () => storage.cpu()],
    ...Object.entries(processes),
  ]
  const samples = await storage.samples()
  const start = performance.now()
  const before = meters.map(([, read]) => read())
  await pause(WINDOW_S)
  const spent = meters.map(([, read], i) => read() - before[i])
  const seconds = (performance.now() - start) / 1000
  const stored = (await storage.samples()) - samples
  const expected = (targets * (series + SAMPLES_OF_A_SCRAPE) * seconds) / intervalSeconds
  return {
    cpu: Object.fromEntries(meters.map(([name], i) => [name, (spent[i] / stored) * 1e6])),
    stored: stored / expected,
  }
}

/** @throws Error if samples are missing */
function checkStored(windows: readonly Window[]): void {
  const least = Math.min(...windows.map(({ stored }) => stored))
  if (least < MIN_STORED) {
    const percentage = Math.round(100 * least)
    throw new Error(`only ${percentage} % of the samples were stored: the machine is overloaded`)
  }
}

function rowsOf(load: Load, windows: readonly Window[][]): Row[] {
  const total = ({ cpu }: Window) => Object.values(cpu).reduce((sum, seconds) => sum + seconds, 0)
  const [direct, virtual] = windows
  const parts = Object.keys(virtual[0].cpu).map(
    name =>
      `${name} ${spread(
        virtual.map(({ cpu }) => cpu[name]),
        2,
      )}`,
  )
  const conditions = (of: readonly Window[]) => {
    const stored = Math.round(100 * median(of.map(window => window.stored)))
    return `${of.length} × ${WINDOW_S} s in turn; ${stored} % of the samples stored`
  }
  return [
    {
      work: `1 M samples scraped directly, ${describe(load)}`,
      figure: `${spread(direct.map(total), 2)} CPU-s`,
      note: `Prometheus; ${conditions(direct)}`,
    },
    {
      work: `1 M samples through Kafka and one shard, ${describe(load)}`,
      figure: `${spread(virtual.map(total), 2)} CPU-s`,
      goal: '≤ 4',
      note: `${parts.join(', ')}; ${conditions(virtual)}`,
    },
  ]
}
