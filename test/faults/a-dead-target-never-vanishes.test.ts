import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic } from '../support/kafka.js'
import { ShardChild } from '../support/shards.js'
import { SteadyApp } from '../support/steady-app.js'

const flags = ['--replay.window=3s', '--exposition.tombstone=10m']
const children: ShardChild[] = []
const apps: SteadyApp[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.stop()
  for (const child of children.splice(0)) await child.end()
})

function newApp(topic: string, instance: string): SteadyApp {
  const app = new SteadyApp(newSender(topic), { labels: { job: 'shop', instance } }).start()
  apps.push(app)
  return app
}

interface Row {
  labels: { instance: string }
  state: string
  reason: string
  intervalMs: number
}

async function rowsOf({ url }: ShardChild): Promise<Map<string, Row>> {
  const response = await fetch(`${url}/api/v1/targets`)
  expect(response.status).toBe(200)
  const body = (await response.json()) as { data: { targets: Row[] } }
  return new Map(body.data.targets.map(row => [row.labels.instance, row]))
}

test('a target that died before the replay window is told as before after a crash of its shard', async () => {
  const settings = { topic: await newTopic(1), group: name('group'), flags }
  const steady = newApp(settings.topic, 'steady')
  const dead = newApp(settings.topic, 'dead')
  const failed = newApp(settings.topic, 'failed')
  const ended = newApp(settings.topic, 'ended')
  failed.failure = 'no answer within 2 s'
  let shard = await ShardChild.start(settings)
  children.push(shard)
  await eventually(async () => {
    const rows = await rowsOf(shard)
    expect([...rows.values()].map(row => row.state).sort()).toEqual(['failed', 'up', 'up', 'up'])
  })
  dead.die()
  failed.die()
  await ended.end()
  const states = async () =>
    Object.fromEntries([...(await rowsOf(shard))].map(([instance, { state }]) => [instance, state]))
  const told = { dead: 'stale', ended: 'ended', failed: 'stale', steady: 'up' }
  await eventually(async () => expect(await states()).toEqual(told))
  const path = `/target?${new URLSearchParams(dead.labels)}`
  const silence = (text: string) => Number(/no snapshot for ([\d.]+) s/.exec(text)?.[1])
  // Until its last record is older than the replay window.
  await eventually(async () => {
    expect(silence(await (await fetch(shard.url + path)).text())).toBeGreaterThan(6)
  })
  const before = await rowsOf(shard)

  await shard.end('SIGKILL')
  children.length = 0
  shard = shard.restart(settings)
  children.push(shard)
  await eventually(async () => expect((await fetch(`${shard.url}/sd`)).status).toBe(200))
  expect(await states()).toEqual(told)
  const after = await rowsOf(shard)
  for (const instance of ['dead', 'failed', 'ended']) {
    const { labels, intervalMs } = before.get(instance)!
    expect(after.get(instance)).toMatchObject({ labels, intervalMs })
  }
  expect(after.get('failed')!.reason).toContain('no answer within 2 s')
  const response = await fetch(shard.url + path)
  const text = await response.text()
  expect(response.status).toBe(503)
  // Log time begins with the last record, which is up to a second old.
  expect(silence(text)).toBeGreaterThan(silence(before.get('dead')!.reason) - 1.5)
  const listed = (await (await fetch(`${shard.url}/sd`)).json()) as { labels: Row['labels'] }[]
  expect(listed.map(group => group.labels.instance).sort()).toEqual(['dead', 'failed', 'steady'])
  const telemetry = await (await fetch(`${shard.url}/telemetry`)).text()
  expect(telemetry).toContain('\nexposer_read_back_partitions 0\n')
  expect(steady.failure).toBeNull()
})
