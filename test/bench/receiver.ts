import { Agent, request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { compressSync } from 'snappy'
import { startPrometheus } from '../../dev/local/prometheus.js'
import { createTopic } from '../../shared/kafka/topics.js'
import { GatewayProcess, kafkaFlags } from './gateway/contenders.js'
import { quantile } from './gateway/pushes.js'
import type { Bench } from './pipeline.js'
import { codec } from './receiver/codec.js'
import { FIRST_TIME, requestV1, requestV2, type WriteFleet } from './receiver/write-fleet.js'
import { type Row, spread } from './table.js'
import { cpuOf } from './usage.js'

/** As Prometheus sends by default: 2,000 samples in a request. */
const FLEET: WriteFleet = { targets: 20, series: 100 }
const SAMPLES = FLEET.targets * FLEET.series
const RUNS = 3
const REQUESTS = 400
const CLIENTS = 8
let gateways = 0
const TYPES = {
  '1.0': 'application/x-protobuf',
  '2.0': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
}
type Protocol = keyof typeof TYPES

interface Receiver {
  readonly name: string
  readonly url: string
  /** CPU time, seconds. */
  cpu(): number
  /** Resolves when so many samples in all are done with. Default: when they are answered. */
  settle?(samples: number): Promise<void>
}

/**
 * A gateway that receives remote write into Kafka, one that also mirrors it, and a Prometheus that
 * stores it.
 */
export async function receiver(bench: Bench): Promise<Row[]> {
  const rows = codec()
  const ours = await startGateway(bench.brokers, 'gateway into Kafka', ['--no-write.mirrors'])
  const mirroring = await startGateway(bench.brokers, 'gateway into Kafka and out as snapshots')
  const prometheus = await startPrometheus({
    config: { global: { scrape_interval: '1m' } },
    flags: ['--web.enable-remote-write-receiver'],
  })
  const receivers: Receiver[] = [
    ours,
    {
      name: mirroring.name,
      url: mirroring.url,
      cpu: () => mirroring.cpu(),
      settle: samples => allMirrored(mirroring.url, samples),
    },
    { name: 'Prometheus', url: prometheus.url, cpu: () => cpuOf(prometheus.pid) },
  ]
  const rates = new Map<string, number[]>()
  const times = new Map<string, number[]>()
  const sent = new Map<Receiver, number>()
  let round = 0
  try {
    for (let run = -1; run < RUNS; run++)
      for (const protocol of ['2.0', '1.0'] as const)
        for (const to of receivers) {
          const bodies = bodiesOf(protocol, round++)
          const before = to.cpu()
          const taken = await writeAll(to.url, protocol, bodies)
          const samples = REQUESTS * SAMPLES
          const written = (sent.get(to) ?? 0) + samples
          sent.set(to, written)
          await to.settle?.(written)
          const rate = samples / (to.cpu() - before) / 1e6
          const key = `protocol ${protocol}: ${to.name}`
          if (run < 0) continue
          rates.set(key, [...(rates.get(key) ?? []), rate])
          times.set(key, [...(times.get(key) ?? []), ...taken])
        }
  } finally {
    await ours.stop()
    await mirroring.stop()
    await prometheus.stop()
  }
  const goals: Record<string, string> = { [`protocol 2.0: ${mirroring.name}`]: '≥ 1 M' }
  for (const [key, figures] of rates) {
    const taken = times.get(key)!
    rows.push({
      work: `requests of ${SAMPLES} samples of ${FLEET.targets} targets, ${key}`,
      figure: `${spread(figures, 2)} M samples/CPU-s`,
      goal: goals[key] ?? '',
      note: `${RUNS} runs of ${REQUESTS} requests by ${CLIENTS} clients in turn; answered in ${quantile(taken, 0.5).toFixed(0)} / ${quantile(taken, 0.99).toFixed(0)} ms (p50 / p99)`,
    })
  }
  return rows
}

async function startGateway(
  brokers: readonly string[],
  name: string,
  flags: readonly string[] = [],
): Promise<GatewayProcess> {
  const own = await kafkaFlags(brokers)
  const topics = { writes: `bench.writes.${process.pid}.${gateways++}`, snapshots: '' }
  topics.snapshots = `${topics.writes}.snapshots`
  await createTopic({ brokers }, { topic: topics.writes, key: 'writes' })
  await createTopic({ brokers }, { topic: topics.snapshots, key: 'snapshots' })
  return GatewayProcess.ours(name, [
    ...own,
    `--kafka.writes-topic=${topics.writes}`,
    `--kafka.topic=${topics.snapshots}`,
    `--kafka.group=${topics.writes}`,
    ...flags,
  ])
}

/** Resolves when mirrors have read so many samples, and the brokers have their snapshots. */
async function allMirrored(url: string, samples: number): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${url}/telemetry`)).text()
    const read = Number(/^gateway_mirror_samples_total (.*)$/m.exec(text)?.[1] ?? 0)
    const pending = Number(/^gateway_mirror_pending_bytes (.*)$/m.exec(text)?.[1] ?? 0)
    if (read >= samples && pending === 0) return
    await setTimeout(50)
  }
}

/**
 * The requests of each client, each of all series of its targets at one time. Times go on, so that
 * a receiver has to store each sample.
 */
function bodiesOf(protocol: Protocol, round: number): Buffer[][] {
  const requests = REQUESTS / CLIENTS
  const start = Date.now() - 60_000 + round * requests
  const make = protocol === '2.0' ? requestV2 : requestV1
  const first = varint(FIRST_TIME)
  return Array.from({ length: CLIENTS }, (_, client) => {
    const template = make({ ...FLEET, first: client * FLEET.targets }, FIRST_TIME)
    return Array.from({ length: requests }, (_, i) => {
      const body = Buffer.from(template)
      const time = varint(start + i)
      for (let at = body.indexOf(first); at >= 0; at = body.indexOf(first, at + first.length))
        time.copy(body, at)
      return compressSync(body) as Buffer
    })
  })
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 128)
  }
}

/** @returns milliseconds of each request */
async function writeAll(
  url: string,
  protocol: Protocol,
  bodies: readonly (readonly Buffer[])[],
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const times: number[] = []
  const client = async (own: readonly Buffer[]) => {
    for (const body of own) {
      const start = performance.now()
      await write(`${url}/api/v1/write`, protocol, body, agent)
      times.push(performance.now() - start)
    }
  }
  try {
    await Promise.all(bodies.map(client))
  } finally {
    agent.destroy()
  }
  return times
}

function write(url: string, protocol: Protocol, body: Buffer, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      'Content-Type': TYPES[protocol],
      'Content-Encoding': 'snappy',
      'X-Prometheus-Remote-Write-Version': protocol === '2.0' ? '2.0.0' : '0.1.0',
    }
    const sent = request(url, { method: 'POST', agent, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 204) resolve()
        else reject(new Error(`${response.statusCode}: ${Buffer.concat(chunks)}`))
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
