import { Agent, request } from 'node:http'
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
}

/** A gateway that receives remote write into Kafka, next to a Prometheus that stores it. */
export async function receiver(bench: Bench): Promise<Row[]> {
  const rows = codec()
  const writes = `bench.writes.${process.pid}`
  await createTopic({ brokers: bench.brokers }, { topic: writes, key: 'writes' })
  const flags = [...(await kafkaFlags(bench.brokers)), `--kafka.writes-topic=${writes}`]
  const ours = await GatewayProcess.ours('gateway into Kafka', flags)
  const prometheus = await startPrometheus({
    // Several clients send at once: times come out of order.
    config: {
      global: { scrape_interval: '1m' },
      storage: { tsdb: { out_of_order_time_window: '1h' } },
    },
    flags: ['--web.enable-remote-write-receiver'],
  })
  const receivers: Receiver[] = [
    ours,
    { name: 'Prometheus', url: prometheus.url, cpu: () => cpuOf(prometheus.pid) },
  ]
  const rates = new Map<string, number[]>()
  const times = new Map<string, number[]>()
  let round = 0
  try {
    for (let run = -1; run < RUNS; run++)
      for (const protocol of ['2.0', '1.0'] as const)
        for (const to of receivers) {
          const bodies = bodiesOf(protocol, round++)
          const before = to.cpu()
          const taken = await writeAll(to.url, protocol, bodies)
          const rate = (bodies.length * SAMPLES) / (to.cpu() - before) / 1e6
          const key = `protocol ${protocol}: ${to.name}`
          if (run < 0) continue
          rates.set(key, [...(rates.get(key) ?? []), rate])
          times.set(key, [...(times.get(key) ?? []), ...taken])
        }
  } finally {
    await ours.stop()
    await prometheus.stop()
  }
  const goals: Record<string, string> = { 'protocol 2.0: gateway into Kafka': '≥ 1 M' }
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

/** Requests whose times go on, so that a receiver has to store each sample. */
function bodiesOf(protocol: Protocol, round: number): Buffer[] {
  const start = Date.now() - 60_000 + round * REQUESTS
  const make = protocol === '2.0' ? requestV2 : requestV1
  const template = make(FLEET, FIRST_TIME)
  const first = varint(FIRST_TIME)
  return Array.from({ length: REQUESTS }, (_, i) => {
    const body = Buffer.from(template)
    const time = varint(start + i)
    for (let at = body.indexOf(first); at >= 0; at = body.indexOf(first, at + first.length))
      time.copy(body, at)
    return compressSync(body) as Buffer
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
  bodies: readonly Buffer[],
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const times: number[] = []
  let next = 0
  const client = async () => {
    while (next < bodies.length) {
      const body = bodies[next++]
      const start = performance.now()
      await write(`${url}/api/v1/write`, protocol, body, agent)
      times.push(performance.now() - start)
    }
  }
  try {
    await Promise.all(Array.from({ length: CLIENTS }, client))
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
