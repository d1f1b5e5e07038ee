import { startPrometheus } from '../../../dev/local/prometheus.js'
import { createSender } from '../../../shared/kafka/sender.js'
import { SteadyApp } from '../../support/steady-app.js'
import type { Bench } from '../pipeline.js'
import { ShardProcess } from '../shard.js'
import type { Row } from '../table.js'

const APPS = 20
const INTERVAL_MS = 1000
const MEASURED_MS = 60_000
const quiet = { debug() {}, info() {}, warn() {}, error: console.error }

/** Measures the time from the collection of a sample until a query at the receiver returns it. */
export async function latency(bench: Bench): Promise<Row> {
  const topic = await bench.topic()
  const prometheus = await startPrometheus({
    config: { global: { scrape_interval: '1m' } },
    flags: ['--web.enable-remote-write-receiver'],
  })
  const shard = ShardProcess.start(bench.brokers, topic, await bench.port(), [
    `--remote-write.url=${prometheus.url}/api/v1/write`,
    '--remote-write.batch-send-deadline=100ms',
  ])
  const apps: SteadyApp[] = []
  try {
    await shard.ready()
    for (let i = 0; i < APPS; i++) {
      const kafka = { brokers: bench.brokers }
      const sender = createSender({ kafka, topic, logger: quiet, sendTimeout: 10_000 })
      const labels = { job: 'latency', instance: String(i) }
      apps.push(new SteadyApp(sender, { labels, intervalMs: INTERVAL_MS }).start())
      await new Promise(resolve => setTimeout(resolve, INTERVAL_MS / APPS))
    }
    const seen = new Map<string, number>()
    const delays: number[] = []
    const query = 'timestamp(steady_total{job="latency"})'
    const begun = Date.now() + 10_000
    while (Date.now() < begun + MEASURED_MS) {
      const samples = await prometheus.query(query)
      const now = Date.now()
      for (const { metric, value } of samples) {
        const at = Math.round(Number(value[1]) * 1000)
        if (seen.get(metric.instance!) === at) continue
        seen.set(metric.instance!, at)
        if (now > begun) delays.push((now - at) / 1000)
      }
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    delays.sort((a, b) => a - b)
    const quantile = (q: number) => delays[Math.floor(q * (delays.length - 1))]!.toFixed(2)
    return {
      work: "from an app's collection until it can be queried at the receiver, p50 / p99, send deadline 100 ms",
      figure: `${quantile(0.5)} / ${quantile(0.99)} s`,
      goal: '≤ 0.2 / 0.5 s',
      note: `${delays.length} samples of ${APPS} apps, each second; seen by queries every 5 ms, whose time is included`,
    }
  } finally {
    for (const app of apps) await app.stop()
    await shard.stop()
    await prometheus.stop()
  }
}
