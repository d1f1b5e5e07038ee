import { afterAll, afterEach, expect, inject, test } from 'vitest'
import type { TargetStatus } from '../../exposer/core/status.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic } from '../support/kafka.js'
import { readLedger } from '../support/ledger.js'
import { type Program, Programs } from '../support/program.js'
import type { GatewayOptions } from '../support/programs/relaying-gateway.js'
import { startShard } from '../support/shards.js'

const INTERVAL_MS = 1000
const labels = { job: 'batch', instance: 'a' }
const programs = new Programs()
const gateways: Program[] = []
let shard: Exposer

afterEach(async () => {
  await Promise.all(gateways.splice(0).map(gateway => gateway.kill()))
  await shard?.stop()
})
afterAll(() => programs.remove())

const scrape = async () => {
  const response = await fetch(`${shard.url}/target?${new URLSearchParams(labels)}`)
  const text = await response.text()
  const samples = [...text.matchAll(/^[xyz]\{writer="(\d+)"\} (\d+)$/gm)]
  return { status: response.status, text, samples }
}
const repeated = async () => {
  const telemetry = await (await fetch(`${shard.url}/telemetry`)).text()
  return Number(/^exposer_records_repeated_total (\d+)$/m.exec(telemetry)?.[1])
}

test('two gateways relay one run and one is killed: no scrape fails, goes back or mixes them', async () => {
  const topic = await newTopic(2)
  shard = await startShard({ topic, group: name('relayed') }, { playoutDelay: 0 })
  const began = Date.now()
  const options: GatewayOptions = {
    ...{ brokers: inject('brokers'), topic, labels, began, intervalMs: INTERVAL_MS },
  }
  const start = async () => {
    const gateway = await programs.start('relaying-gateway.ts', [JSON.stringify(options)])
    gateways.push(gateway)
    return gateway
  }
  const first = await start()
  let last = -1
  const writers = new Set<string>()
  /** Scrapes until a snapshot of this time is exposed. */
  const follow = (until: number) =>
    eventually(async () => {
      const { status, text, samples } = await scrape()
      if (last < 0 && status !== 200) throw new Error(text)
      expect(status, text).toBe(200)
      expect(samples).toHaveLength(3)
      expect(new Set(samples.map(([, writer, value]) => `${writer} ${value}`)).size).toBe(1)
      const [, writer, value] = samples[0]
      expect(Number(value)).toBeGreaterThanOrEqual(last)
      last = Number(value)
      writers.add(writer)
      expect(last).toBeGreaterThanOrEqual(until)
    })
  const current = () => Math.floor((Date.now() - began) / INTERVAL_MS)
  await follow(1)
  await start()
  await eventually(async () => expect(await repeated()).toBeGreaterThan(0))
  await follow(current() + 3)
  await first.kill()
  // Until the second gateway alone can have sent it, and has taken the place of the first.
  await follow(current() + 5)
  expect(writers.size).toBe(2)
  const status = await (await fetch(`${shard.url}/api/v1/targets`)).json()
  const [target] = (status as { data: { targets: TargetStatus[] } }).data.targets
  expect(target).toMatchObject({ state: 'up', relayed: 'push', runs: 1, warning: '' })
  const { total } = await readLedger(shard.url)
  expect(total).toMatchObject({ missed: 0, superseded: 0 })
  expect(Object.keys(total.dropped)).toEqual(
    expect.not.arrayContaining([expect.stringContaining('refused')]),
  )
})
