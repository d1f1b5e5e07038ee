import { MassiveScrape } from '../../exposer/core/render/massive/massive.js'
import { prepareTarget, renderTarget } from '../../exposer/core/render/target.js'
import { Shard } from '../../exposer/core/shard.js'
import { runNow } from '../../shared/base/steps.js'
import { TEXT } from '../../shared/exposition/format.js'
import { targetKey } from '../../shared/snapshot/key.js'
import { encodeLayout } from '../../shared/snapshot/layout.js'
import { encodeSnapshot } from '../../shared/snapshot/write.js'
import { type Row, spread } from './table.js'
import { httpService, type Workload } from './workload.js'

const START = 1_700_000_000_000

/** CPU time of the work, seconds. */
function cpuOf(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

interface Feed {
  readonly shard: Shard
  /** Applies one snapshot of every target. @returns the CPU time without encoding, seconds */
  round(): number
}

function feed(targets: number, workload: Workload): Feed {
  const shard = new Shard()
  const now = { wall: START, mono: 0 }
  shard.assign({ epoch: 1, partitionCount: 1, kept: [], fresh: [0], lost: [] }, now)
  shard.replay(0, 0, 0, now)
  const layout = encodeLayout(workload.layout)
  const values = new Float64Array(workload.series)
  let sequence = 0
  return {
    shard,
    round() {
      const collectedAt = START + sequence * 15_000
      const records = Array.from({ length: targets }, (_, t) => {
        const target = [
          { name: 'instance', value: `10.1.${t >> 8}.${t & 255}:8080` },
          { name: 'job', value: 'api' },
        ]
        workload.fill(values, t, sequence)
        const header = {
          target,
          incarnation: 1000,
          sequence,
          superseded: 0,
          collectedAt,
          intervalMs: 15_000,
          collectSeconds: 0.001,
          part: 0,
          parts: 1,
          end: false,
          layoutId: layout.id,
        }
        return {
          offset: sequence * targets + t,
          timestamp: collectedAt,
          key: targetKey(target),
          value: encodeSnapshot(header, { layoutCompressed: layout.compressed, values }),
        }
      })
      sequence++
      return cpuOf(() => {
        for (const record of records)
          shard.apply(0, record, { wall: collectedAt + 10, mono: collectedAt })
      })
    },
  }
}

/** Measures the core in this process, without Kafka and HTTP. */
export async function run(): Promise<Row[]> {
  const rows: Row[] = []
  for (const [targets, series] of [
    [100, 1000],
    [1000, 100],
  ] as const) {
    const { shard, round } = feed(targets, httpService(series))
    for (let i = 0; i < 5; i++) round()
    const apply = Array.from({ length: 15 }, round)
    rows.push({
      work: `apply ${targets} records of ${series} series`,
      figure: `${spread(apply.map(s => (targets * series) / s / 1e6))} M samples/CPU-s`,
      note: `${spread(apply.map(s => (s / targets) * 1e6))} µs per record; 15 rounds after 5`,
    })
    const now = { wall: START + 20 * 15_000, mono: 0 }
    const massive = () =>
      cpuOf(() => {
        const scrape = new MassiveScrape(shard, { view: 'latest', format: TEXT, now })
        runNow(scrape.prepare())
        drain(scrape.render())
        runNow(scrape.end(true))
      })
    for (let i = 0; i < 5; i++) massive()
    const renders = Array.from({ length: 15 }, massive)
    rows.push({
      work: `render ${targets} × ${series} series as the massive view`,
      figure: `${spread(renders.map(s => (targets * series) / s / 1e6))} M series/CPU-s`,
      note: `${spread(
        renders.map(s => s * 1000),
        1,
      )} ms`,
    })
    if (series === 1000) rows.push(oneTarget(shard, now))
  }
  return rows
}

function oneTarget(shard: Shard, now: { wall: number; mono: number }): Row {
  const targets = [...shard.targets()]
  const scrape = () =>
    cpuOf(() => {
      for (const target of targets) {
        const played = shard.played(target, now)!
        const ready = runNow(prepareTarget(played, TEXT))
        drain(renderTarget(played, ready, TEXT, now))
      }
    })
  for (let i = 0; i < 3; i++) scrape()
  const figures = Array.from({ length: 10 }, scrape)
  return {
    work: 'render one virtual target of 1,000 series',
    figure: `${spread(
      figures.map(s => (s / targets.length) * 1000),
      3,
    )} ms`,
    note: 'CPU time; 10 rounds of 100 targets',
  }
}

function drain(chunks: Iterable<Buffer>): void {
  for (const chunk of chunks) void chunk
}
