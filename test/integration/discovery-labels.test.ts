import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalPrometheus, startPrometheus } from '../../dev/local/prometheus.js'
import { HandFed, PARTITIONS } from '../exposer/hand-fed.js'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'

/** Targets with labels that are known to Prometheus 2, to Prometheus 3 only, or to neither. */
const TARGETS: readonly Record<string, string>[] = [
  { job: 'plain' },
  { job: 'dotted', 'service.name': 'pay' },
  { job: 'utf-8', größe: 'L', '1st': 'x', 'with space': 'y' },
  { job: 'escaped', U__service_2e_name: 'p', 'service.name': 'q' },
]

describe.each(['prometheus', 'prometheus-2'] as const)('%s', part => {
  let shard: HandFed
  let prometheus: LocalPrometheus
  let available = false
  beforeAll(async () => {
    available = (await partOrSkip(part)) !== null
    if (!available) return
    shard = await HandFed.start()
    shard.assign(Array.from({ length: PARTITIONS }, (_, p) => p))
    for (const labels of TARGETS) await shard.append({ labels, intervalMs: 1000 })
    const url = `${shard.url}/sd`
    prometheus = await startPrometheus({
      part,
      config: {
        scrape_configs: [{ job_name: 'kafka', http_sd_configs: [{ url, refresh_interval: '1s' }] }],
      },
    })
  })
  afterAll(async () => {
    await prometheus?.stop()
    await shard?.stop()
  })

  test('scrapes every target, whatever its labels are', async context => {
    if (!available) return context.skip()
    let sequence = 0
    await eventually(async () => {
      sequence++
      for (const labels of TARGETS) await shard.append({ labels, sequence, intervalMs: 1000 })
      const answer = await fetch(`${prometheus.url}/api/v1/query?query=up`)
      const { data } = (await answer.json()) as {
        data: { result: { metric: Record<string, string>; value: [number, string] }[] }
      }
      const up = data.result.map(({ metric, value }) => [metric.job, value[1]]).sort()
      expect(up).toEqual(TARGETS.map(({ job }) => [job, '1']).sort())
      const dotted = data.result.find(({ metric }) => metric.job === 'dotted')!
      const name = part === 'prometheus' ? 'service.name' : 'U__service_2e_name'
      expect(dotted.metric[name]).toBe('pay')
    })
  })
})
