import { Backlog } from '../bench/backlog.js'
import type { Bench } from '../bench/pipeline.js'
import type { Row } from '../bench/table.js'
import { cpuOf } from '../bench/usage.js'
import { seconds, until, World } from './world.js'

/**
 * Measures the CPU time of the exposer and of Prometheus with a thousand virtual targets, scraped
 * every 5 s.
 */
export async function thousandTargets(bench: Bench, forSeconds = 60): Promise<Row[]> {
  const world = await World.start(bench)
  const targets = 1000
  const series = 100
  const backlog = new Backlog({ brokers: bench.brokers }, world.topic, { targets, series })
  let publishing = true
  let publisher: Promise<void> | undefined
  try {
    await backlog.connect()
    const shard = await world.shard()
    publisher = (async () => {
      while (publishing) {
        const next = Date.now() + 5000
        await backlog.append(1, 5000)
        while (publishing && Date.now() < next) await seconds(0.05)
      }
    })()
    const prometheus = await world.prometheus('5s')
    await until(async () => (await prometheus.query('up == 1')).length === targets)
    // Do not measure the creation of new series in Prometheus.
    await seconds(15)
    const before = [shard.cpu(), cpuOf(prometheus.pid)]
    await seconds(forSeconds)
    const [exposer, prom] = [shard.cpu() - before[0], cpuOf(prometheus.pid) - before[1]]
    const failed = (
      await prometheus.query('sum(count_over_time(up[1m]) - sum_over_time(up[1m]))')
    )[0].value[1]
    const percent = (cpu: number) => `${((cpu / forSeconds) * 100).toFixed(1)} %`
    return [
      {
        work: `${targets} virtual targets of ${series} series, every 5 s: CPU of the exposer / Prometheus`,
        figure: `${percent(exposer)} / ${percent(prom)} of a core`,
        note: `${forSeconds} s; includes consuming 1,000 snapshots every 5 s; ${failed} failed scrapes in the last minute`,
      },
    ]
  } finally {
    publishing = false
    await publisher
    await backlog.close()
    await world.stop()
  }
}
