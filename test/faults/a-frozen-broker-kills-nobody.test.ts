import { afterEach, beforeEach, expect, test } from 'vitest'
import { type LocalKafka, startKafka } from '../../dev/local/kafka.js'
import type { Exposer } from '../../exposer/server/exposer.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { startShard } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'

let kafka: LocalKafka
let shard: Exposer
let apps: SteadyApp[] = []
beforeEach(async () => {
  kafka = await startKafka({ own: true })
})
afterEach(async () => {
  for (const node of kafka.nodes) node.resume()
  await Promise.all(apps.map(app => app.stop()))
  await shard?.stop()
  await kafka.stop()
})

const scrape = (app: SteadyApp) => fetch(`${shard.url}/target?${new URLSearchParams(app.labels)}`)

test('after a broker was suspended for longer than the staleness window, only the dead app is stale', async () => {
  const { brokers } = kafka
  const topic = await newTopic(1, brokers)
  shard = await startShard(
    { topic, group: name('frozen') },
    { kafka: { brokers }, sessionTimeout: 30_000, externalUrl: undefined },
  )
  const app = (instance: string) =>
    new SteadyApp(newSender(topic, brokers), { labels: { job: 'j', instance } }).start()
  apps = [app('alive'), app('dying')]
  const [alive, dying] = apps
  await eventually(async () => {
    for (const one of apps) expect((await scrape(one)).status).toBe(200)
  })

  const failures: string[] = []
  let watching = true
  const watch = (async () => {
    while (watching) {
      const response = await scrape(alive)
      if (response.status !== 200) failures.push(await response.text())
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  })()
  for (const node of kafka.nodes) node.pause()
  dying.die()
  const age = async () =>
    /^exposer_target_snapshot_age_seconds ([\d.]+)$/m.exec(await (await scrape(alive)).text())![1]
  // Three staleness windows of 2.5 s.
  await eventually(async () => expect(Number(await age())).toBeGreaterThan(7.5))
  for (const node of kafka.nodes) node.resume()
  await eventually(async () => expect(Number(await age())).toBeLessThan(2))
  await eventually(async () => {
    const response = await scrape(dying)
    expect([response.status, await response.text()]).toEqual([
      503,
      expect.stringContaining('no snapshot for'),
    ])
  })
  watching = false
  await watch
  expect(failures).toEqual([])
})

test('while a broker is suspended for long, scrapes and readiness fail as blind, and recover afterwards', async () => {
  const { brokers } = kafka
  const topic = await newTopic(1, brokers)
  shard = await startShard(
    { topic, group: name('blind') },
    { kafka: { brokers }, sessionTimeout: 60_000, externalUrl: undefined },
  )
  const app = new SteadyApp(newSender(topic, brokers), {
    labels: { job: 'j', instance: 'a' },
  }).start()
  apps = [app]
  await eventually(async () => expect((await scrape(app)).status).toBe(200))
  for (const node of kafka.nodes) node.pause()
  await eventually(async () => {
    const response = await scrape(app)
    expect([response.status, await response.text()]).toEqual([
      503,
      expect.stringContaining('could not be fetched'),
    ])
  })
  const ready = await fetch(`${shard.url}/-/ready`)
  expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('blind')])
  for (const node of kafka.nodes) node.resume()
  await eventually(async () => expect((await scrape(app)).status).toBe(200))
})
