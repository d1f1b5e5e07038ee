import { afterEach, describe, expect, test } from 'vitest'
import type { TargetStatus } from '../../exposer/core/status.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { readLedger } from '../support/ledger.js'
import { startShard } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'

const labels = { job: 'shop', instance: 'a' }
let shard: Exposer
const apps: SteadyApp[] = []

afterEach(async () => {
  await Promise.all(apps.splice(0).map(app => app.stop()))
  await shard?.stop()
})

async function start(topic: string): Promise<SteadyApp> {
  const app = new SteadyApp(newSender(topic), { labels })
  apps.push(app)
  // A later run has a higher incarnation.
  await eventually(() => expect(Date.now()).toBeGreaterThan(app.began))
  return app.start()
}

const scrape = async () => {
  const response = await fetch(`${shard.url}/target?${new URLSearchParams(labels)}`)
  return { status: response.status, text: await response.text() }
}
const status = async () => {
  const response = await fetch(`${shard.url}/api/v1/targets`)
  return ((await response.json()) as { data: { targets: TargetStatus[] } }).data.targets[0]
}
const seconds = (text: string) => Number(/^steady_total (\S+)$/m.exec(text)?.[1])

describe('of two runs with one identity', () => {
  test.each<[string, (app: SteadyApp) => Promise<void> | void]>([
    ['ended', app => app.end()],
    ['was killed', app => app.die()],
  ])('the living one is exposed after the newer one %s, and no scrape fails', async (_, leave) => {
    const settings = { topic: await newTopic(3), group: name('runs') }
    shard = await startShard(settings, { playoutDelay: 0 })
    const older = await start(settings.topic)
    await eventually(async () => expect((await scrape()).status).toBe(200))
    const newer = await start(settings.topic)
    await eventually(async () => {
      expect((await scrape()).text).toContain('exposer_target_runs 2')
      expect(await status()).toMatchObject({
        runs: 2,
        warning: expect.stringContaining('2 runs publish'),
      })
    })
    const telemetry = await (await fetch(`${shard.url}/telemetry`)).text()
    expect(telemetry).toContain('exposer_targets_overlapping 1')
    await leave(newer)
    const left = (Date.now() - older.began) / 1000
    const scraped: number[] = []
    await eventually(async () => {
      const { status: code, text } = await scrape()
      scraped.push(code)
      // The time by the older run, which began earlier: the newer one never gets that far.
      expect(seconds(text)).toBeGreaterThan(left + 1)
      expect(text).not.toContain('exposer_target_runs')
      expect(await status()).toMatchObject({ state: 'up', runs: 1, warning: '' })
    })
    expect(scraped.filter(code => code !== 200)).toEqual([])
    const { total } = await readLedger(shard.url)
    expect(total.dropped.refused_incarnation).toBeGreaterThanOrEqual(2)
    expect(total.missed).toBe(0)
  })
})
