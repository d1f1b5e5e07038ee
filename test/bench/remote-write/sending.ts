import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LocalPrometheus, startPrometheus } from '../../../dev/local/prometheus.js'
import { Backlog, type Fleet } from '../backlog.js'
import type { Bench } from '../pipeline.js'
import { ShardProcess } from '../shard.js'
import { type Row, spread } from '../table.js'
import { cpuOf } from '../usage.js'
import { ReceiverProcess } from './receiver-process.js'

export const PROTOBUF = {
  '1.0': 'prometheus.WriteRequest',
  '2.0': 'io.prometheus.write.v2.Request',
} as const
export type Protocol = keyof typeof PROTOBUF

const longSession = ['--kafka.session-timeout=2m']

/** A shard that sends to one receiver, and a backlog for it. */
class Sending {
  private constructor(
    readonly shard: ShardProcess,
    readonly backlog: Backlog,
    private readonly folder: string,
  ) {}

  /** @param url of the receiver; null for a shard that sends nothing */
  static async start(bench: Bench, fleet: Fleet, url: string | null, protocol: Protocol) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-remote-write-'))
    const file = join(folder, 'remote-write.yml')
    const queue = { max_shards: 4, batch_send_deadline: '1s' }
    const remote = { url, name: 'bench', protobuf_message: PROTOBUF[protocol], queue_config: queue }
    writeFileSync(file, JSON.stringify({ remote_write: [remote] }))
    const topic = await bench.topic()
    const backlog = new Backlog({ brokers: bench.brokers }, topic, fleet)
    await backlog.connect()
    const flags = [...longSession, ...(url ? [`--remote-write.config.file=${file}`] : [])]
    const shard = ShardProcess.start(bench.brokers, topic, await bench.port(), flags)
    const sending = new Sending(shard, backlog, folder)
    await shard.ready()
    if (url) while ((await sending.metric('partitions', `,topic="${topic}"`)) < 12) await pause()
    return sending
  }

  metric(name: string, labels = ''): Promise<number> {
    return this.shard.telemetry(`exposer_remote_write_${name}{remote="bench"${labels}}`)
  }

  async stop(): Promise<void> {
    await this.shard.stop()
    await this.backlog.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const pause = (ms = 50) => new Promise<void>(resolve => setTimeout(resolve, ms))

/** Samples that a backlog is sent as: those of the targets, `up` and its report. */
const samplesOf = ({ targets, series }: Fleet, rounds: number) => rounds * targets * (series + 5)

const RUNS = 3
/** Runs after which V8 has compiled what it will: some 8 M samples. */
const WARM_UP_RUNS = 4

/**
 * Measures a shard that drains a backlog and sends it to a receiver that stores nothing, next to a
 * shard that drains the same and sends nothing.
 */
export async function toNullReceiver(
  bench: Bench,
  fleet: Fleet,
  rounds: number,
  protocol: Protocol,
): Promise<Row[]> {
  const receiver = await ReceiverProcess.start()
  const figures = { whole: [] as number[], sender: [] as number[] }
  let bytes = 0
  const silent = await Sending.start(bench, fleet, null, protocol)
  const sending = await Sending.start(bench, fleet, receiver.url, protocol)
  try {
    for (let run = -WARM_UP_RUNS; run < RUNS; run++) {
      const reading = await drainCpu(silent, rounds, async () => {
        const position = await silent.shard.telemetry('exposer_position')
        return position >= silent.backlog.records
      })
      const before = await receiver.received()
      const whole = await drainCpu(sending, rounds, async () => {
        const { samples } = await receiver.received()
        return samples - before.samples >= samplesOf(fleet, rounds)
      })
      const after = await receiver.received()
      if (after.samples - before.samples !== samplesOf(fleet, rounds))
        throw new Error(`${after.samples - before.samples} samples were received`)
      if (run < 0) continue
      const samples = samplesOf(fleet, rounds) / 1e6
      figures.whole.push(samples / whole)
      figures.sender.push(samples / Math.max(1e-6, whole - reading))
      bytes = (after.bytes - before.bytes) / (after.samples - before.samples)
    }
  } finally {
    await sending.stop()
    await silent.stop()
    await receiver.stop()
  }
  const size = `${fleet.targets} targets × ${fleet.series} series`
  return [
    {
      work: `send ${size} to a null receiver, protocol ${protocol}: what remote write adds to a shard`,
      figure: `${spread(figures.sender)} M samples/CPU-s`,
      goal: protocol === '2.0' ? '≥ 5 M' : '≥ 3 M',
      note: `${RUNS} runs after ${WARM_UP_RUNS}; a shard that drains the same and sends nothing is subtracted; reading from Kafka for the receiver is included`,
    },
    {
      work: `the same, the whole shard, which serves them too`,
      figure: `${spread(figures.whole)} M samples/CPU-s`,
    },
    {
      work: `bytes per sample on the wire, ${size}, protocol ${protocol}`,
      figure: `${bytes.toFixed(1)} B`,
      goal: protocol === '2.0' ? '≤ 8 B' : '≤ 17 B',
      note: 'compressed bodies, metadata and report series included',
    },
  ]
}

/** The longest one: no target is to be silent between two runs, which would add samples. */
const LONG_INTERVAL_MS = 120_000
const MAX_DRAIN_MS = 180_000

/** CPU seconds from when a backlog may be drained until it is. */
async function drainCpu(
  { shard, backlog }: Sending,
  rounds: number,
  isDrained: () => Promise<boolean>,
): Promise<number> {
  shard.signal('SIGSTOP')
  await backlog.append(rounds, LONG_INTERVAL_MS)
  const before = shard.cpu()
  shard.signal('SIGCONT')
  const began = performance.now()
  while (!(await isDrained())) {
    if (performance.now() - began > MAX_DRAIN_MS) throw new Error('the backlog is not drained')
    await pause(100)
  }
  return shard.cpu() - before
}

/** Measures a shard that sends to a real Prometheus. */
export async function toPrometheus(bench: Bench, protocol: Protocol): Promise<Row> {
  const fleet = { targets: 100, series: 1000 }
  const rounds = 10
  const prometheus = await receivingPrometheus()
  const sending = await Sending.start(bench, fleet, `${prometheus.url}/api/v1/write`, protocol)
  const rates: number[] = []
  const ratios: number[] = []
  try {
    let sent = 0
    for (let run = -1; run < RUNS; run++) {
      const cpu = cpuOf(prometheus.pid)
      const own = sending.shard.cpu()
      sending.shard.signal('SIGSTOP')
      await sending.backlog.append(rounds)
      sending.shard.signal('SIGCONT')
      sent += samplesOf(fleet, rounds)
      const stored = async () =>
        (await sending.metric('samples_total')) +
        (await sending.metric('failed_total', ',reason="refused"'))
      while ((await stored()) < sent) await pause(100)
      if (run < 0) continue
      const spent = cpuOf(prometheus.pid) - cpu
      rates.push(samplesOf(fleet, rounds) / spent / 1e6)
      ratios.push((sending.shard.cpu() - own) / spent)
    }
    const refused = await sending.metric('failed_total', ',reason="refused"')
    return {
      work: `send to a real Prometheus, protocol ${protocol}, 100 targets × 1,000 series`,
      figure: `${spread(rates, 2)} M samples per CPU-s of Prometheus`,
      goal: '0.2–0.25 M',
      note: `the shard takes ${spread(ratios, 2)} of the CPU time of Prometheus; ${refused} samples refused`,
    }
  } finally {
    await sending.stop()
    await prometheus.stop()
  }
}

const receivingPrometheus = (): Promise<LocalPrometheus> =>
  startPrometheus({
    config: { global: { scrape_interval: '1m' } },
    flags: ['--web.enable-remote-write-receiver'],
  })

/** Measures what an outage of the receiver costs: 40 rounds, as in ten minutes at 15 s. */
export async function outage(bench: Bench): Promise<Row[]> {
  const fleet = { targets: 100, series: 100 }
  const rounds = 40
  let receiver = await ReceiverProcess.start()
  const { port, url } = receiver
  const sending = await Sending.start(bench, fleet, url, '2.0')
  try {
    await sending.backlog.append(4)
    while ((await receiver.received()).samples < samplesOf(fleet, 4)) await pause()
    const before = sending.shard.rss()
    await receiver.stop()
    await sending.backlog.append(rounds)
    // What fits is queued; reading waits.
    await pause(10_000)
    const during = sending.shard.rss()
    receiver = await ReceiverProcess.start(port)
    const began = performance.now()
    while ((await receiver.received()).samples < samplesOf(fleet, rounds)) await pause(20)
    const seconds = (performance.now() - began) / 1000
    const lost = samplesOf(fleet, rounds) - (await receiver.received()).samples
    return [
      {
        work: 'catch up after 10 minutes without a receiver at 10k series / 15 s: time, samples lost',
        figure: `${seconds.toFixed(1)} s, ${Math.max(0, lost)} lost`,
        goal: '≤ 10 s, 0',
        note: '40 rounds of 100 targets × 100 series, protocol 2.0; the wait of the backoff is included',
      },
      {
        work: 'growth of RSS in that outage',
        figure: `${(during - before).toFixed(0)} MiB`,
        goal: '≤ 32 MiB',
        note: `from ${before.toFixed(0)} MiB`,
      },
    ]
  } finally {
    await sending.stop()
    await receiver.stop()
  }
}
