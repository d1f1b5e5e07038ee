import { startRedis } from '../../dev/local/redis.js'
import { GatewayProcess, kafkaFlags, stateFile } from './gateway/contenders.js'
import { Client, type PushFleet, pathOf, pushAll, quantile, scrape } from './gateway/pushes.js'
import type { Bench } from './pipeline.js'
import { median, type Row, spread } from './table.js'

const FLEET: PushFleet = { groups: 1000, samples: 100 }
const MANY: PushFleet = { groups: 10_000, samples: 10 }
const MILLION: PushFleet = { groups: 10_000, samples: 100 }
const RUNS = 3
const PUSHGATEWAY_PUSHES = 40
const LATENCIES = 500
const SCRAPES = 6

const text = (fleet: PushFleet) =>
  `${fleet.groups} push groups × ${fleet.samples} samples = ${fleet.groups * fleet.samples}`

/** A gateway next to Pushgateway 1.11: the same pushes by the same clients, one after the other. */
export async function gateway(bench: Bench): Promise<Row[]> {
  const rows = await pushes(bench)
  rows.push(...(await expositions(bench)))
  rows.push(await seen(bench))
  rows.push(...(await million(bench)))
  return rows
}

async function pushes(bench: Bench): Promise<Row[]> {
  const redis = await startRedis()
  const contenders: { readonly program: GatewayProcess; readonly pushes: number }[] = []
  const state = stateFile()
  const rates = new Map<string, number[]>()
  const latencies: Row[] = []
  try {
    const flags = await kafkaFlags(bench.brokers)
    const ours = await GatewayProcess.ours('gateway, Kafka', flags)
    contenders.push({ program: ours, pushes: FLEET.groups })
    const other = await GatewayProcess.ours('gateway, Redis', [
      `--redis.endpoint=${redis.node.endpoint}`,
    ])
    contenders.push({ program: other, pushes: FLEET.groups })
    const unchecked = await GatewayProcess.pushgateway(false, state.file)
    await pushAll(unchecked.url, FLEET, { round: 0 })
    await unchecked.end()
    const checked = await GatewayProcess.pushgateway(true, state.file)
    contenders.push({ program: checked, pushes: PUSHGATEWAY_PUSHES })
    const again = await GatewayProcess.pushgateway(false)
    contenders.push({ program: again, pushes: FLEET.groups })
    for (const { program } of contenders)
      if (program !== checked) await pushAll(program.url, FLEET, { round: 0 })
    for (let run = 1; run <= RUNS; run++)
      for (const { program, pushes } of contenders) {
        const before = program.cpu()
        await pushAll(program.url, FLEET, { round: run, count: pushes })
        const rate = (pushes * FLEET.samples) / (program.cpu() - before)
        rates.set(program.name, [...(rates.get(program.name) ?? []), rate / 1000])
      }
    for (const { program, pushes } of contenders) {
      const count = Math.min(LATENCIES, pushes)
      const times = await pushAll(program.url, FLEET, { round: RUNS + 1, clients: 1, count })
      latencies.push({
        work: `acknowledged push of ${FLEET.samples} samples, one client, ${text(FLEET)} held, p50 / p99: ${program.name}`,
        figure: `${quantile(times, 0.5).toFixed(1)} / ${quantile(times, 0.99).toFixed(1)} ms`,
        ...(program === ours && { goal: '≤ 5 / 20 ms' }),
        note: `${count} pushes`,
      })
    }
  } finally {
    await Promise.all(contenders.map(({ program }) => program.stop()))
    await redis.stop()
    state.remove()
  }
  const goals: Record<string, string> = { 'gateway, Kafka': '≥ 300 k', 'gateway, Redis': '≥ 150 k' }
  const rows = [...rates].map(([name, figures]) => ({
    work: `pushes of ${FLEET.samples} samples by 8 clients, ${text(FLEET)} held: ${name}`,
    figure: `${spread(figures)} k samples/CPU-s`,
    goal: goals[name] ?? '',
    note: `${RUNS} runs in turn`,
  }))
  return [...rows, ...latencies]
}

async function expositions(bench: Bench): Promise<Row[]> {
  const contenders = [
    await GatewayProcess.ours('gateway', await kafkaFlags(bench.brokers)),
    await GatewayProcess.pushgateway(false),
  ]
  const figures = new Map<string, number[]>()
  try {
    for (const program of contenders) await pushAll(program.url, MANY, { round: 0 })
    for (let run = -2; run < SCRAPES; run++)
      for (const encoding of ['identity', 'gzip'] as const)
        for (const program of contenders) {
          const before = program.cpu()
          const samples = await scrape(program.url, encoding)
          const cpu = program.cpu() - before
          if (samples !== MANY.groups * MANY.samples) throw new Error(`${samples} samples`)
          const key = `${encoding === 'gzip' ? 'gzip' : 'plain'}: ${program.name}`
          if (run >= 0) figures.set(key, [...(figures.get(key) ?? []), cpu])
        }
  } finally {
    await Promise.all(contenders.map(program => program.stop()))
  }
  const goals: Record<string, string> = { 'plain: gateway': '≤ 0.03', 'gzip: gateway': '≤ 0.06' }
  return [...figures].map(([key, values]) => ({
    work: `/metrics of ${text(MANY)}, ${key}`,
    figure: `${spread(values, 3)} CPU-s`,
    goal: goals[key] ?? '',
    note: `${SCRAPES} scrapes in turn`,
  }))
}

/** How long after the acknowledgement of one gateway another one shows a push. */
async function seen(bench: Bench): Promise<Row> {
  const flags = await kafkaFlags(bench.brokers)
  const gateways = [
    await GatewayProcess.ours('first', flags),
    await GatewayProcess.ours('second', flags),
  ]
  const [first, second] = gateways.map(({ url }) => new Client(url))
  const times: number[] = []
  try {
    for (let i = 0; i < 300; i++) {
      await first.send('PUT', pathOf(0), `x ${i}\n`)
      const start = performance.now()
      for (;;) {
        const { body } = await second.send('GET', '/metrics')
        if (body.includes(`} ${i}\n`)) break
      }
      times.push(performance.now() - start)
    }
  } finally {
    first.close()
    second.close()
    await Promise.all(gateways.map(program => program.stop()))
  }
  return {
    work: 'another gateway shows a push after its acknowledgement, p50 / p99',
    figure: `${quantile(times, 0.5).toFixed(1)} / ${quantile(times, 0.99).toFixed(1)} ms`,
    goal: 'p99 ≤ 50 ms',
    note: `${times.length} pushes, one request included`,
  }
}

async function million(bench: Bench): Promise<Row[]> {
  const flags = await kafkaFlags(bench.brokers)
  let program = await GatewayProcess.ours('gateway', flags)
  const seconds = async (): Promise<[number, number]> => {
    const start = performance.now()
    program = await GatewayProcess.ours('gateway', flags)
    return [(performance.now() - start) / 1000, program.cpu()]
  }
  try {
    await pushAll(program.url, MILLION, { round: 0 })
    await scrape(program.url, 'identity')
    const rss = program.rss()
    await program.stop()
    const [replay, replayCpu] = await seconds()
    await program.end()
    const restarts: number[] = []
    let cpu = 0
    for (let run = 0; run < RUNS; run++) {
      const [restart, used] = await seconds()
      restarts.push(restart)
      cpu = used
      if (run < RUNS - 1) await program.end()
    }
    const samples = await scrape(program.url, 'identity')
    if (samples !== MILLION.groups * MILLION.samples) throw new Error(`${samples} samples`)
    return [
      {
        work: `RSS after ${text(MILLION)} were pushed and scraped`,
        figure: `${rss.toFixed(0)} MiB`,
        goal: '≤ 400 MiB',
        note: `${program.rss().toFixed(0)} MiB after a restart and a scrape`,
      },
      {
        work: `planned restart with ${text(MILLION)} until ready, from a snapshot`,
        figure: `${median(restarts).toFixed(1)} s`,
        goal: '≤ 10 s',
        note: `${cpu.toFixed(1)} CPU-s; after kill -9, from the log: ${replay.toFixed(1)} s, ${replayCpu.toFixed(1)} CPU-s`,
      },
    ]
  } finally {
    await program.stop()
  }
}
