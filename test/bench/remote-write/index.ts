import type { Bench } from '../pipeline.js'
import type { Row } from '../table.js'
import { latency } from './latency.js'
import { prometheusSends } from './prometheus-sender.js'
import { outage, toNullReceiver, toPrometheus } from './sending.js'

/** Remote write of a shard, with real Kafka and Prometheus. */
export async function remoteWrite(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const protocol of ['2.0', '1.0'] as const) {
    rows.push(...(await toNullReceiver(bench, { targets: 100, series: 1000 }, 20, protocol)))
    rows.push(...(await toNullReceiver(bench, { targets: 400, series: 100 }, 10, protocol)))
  }
  for (const protocol of ['2.0', '1.0'] as const) rows.push(...(await prometheusSends(protocol)))
  for (const protocol of ['2.0', '1.0'] as const) rows.push(await toPrometheus(bench, protocol))
  rows.push(...(await outage(bench)))
  rows.push(await latency(bench))
  return rows
}
