import { get, type IncomingMessage } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { partitionFor } from '../../shared/base/murmur2.js'
import { eventually } from '../support/eventually.js'
import { name, newSender, newTopic, TestMembers } from '../support/kafka.js'
import { FakeApp } from '../support/records.js'
import { ShardChild, targetPath } from '../support/shards.js'

const PARTITIONS = 2
const SERIES = 100_000
const members = new TestMembers()
let shard: ShardChild | undefined
afterEach(async () => {
  await shard?.end()
  await members.stopAll()
})

/** An app on the partition that a shard keeps when another member joins. */
function appOnFirstPartition(): FakeApp {
  for (let i = 0; ; i++) {
    const labels = { job: 'large', instance: `app-${i}` }
    const app = new FakeApp({ labels, intervalMs: 60_000, incarnation: Date.now() })
    if (partitionFor(app.key, PARTITIONS) === 0) return app
  }
}

test('a response from a kept partition is complete after three rebalances, however slowly it is read', async () => {
  const topic = await newTopic(PARTITIONS)
  const group = name('group')
  const app = appOnFirstPartition()
  const lines = Array.from(
    { length: SERIES },
    (_, i) => `many{index="${String(i).padStart(80, '0')}"} 1\n`,
  )
  const exposition = `# TYPE many gauge\n${lines.join('')}`
  const sender = newSender(topic)
  for (const { value } of app.records({ exposition, collectedAt: Date.now() }))
    await sender.send(app.key, [value!])
  await sender.disconnect()
  shard = await ShardChild.start({
    topic,
    group,
    flags: [`--limit.samples=${2 * SERIES}`, '--limit.bytes=64MiB'],
  })
  const ready = () =>
    eventually(async () => expect((await fetch(`${shard!.url}/-/ready`)).status).toBe(200))
  await ready()

  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(shard!.url + targetPath(app), resolve).on('error', reject)
  })
  expect(response.statusCode).toBe(200)
  let text = ''
  response.setEncoding('utf8')
  response.on('data', chunk => {
    text += chunk
  })
  // Little is read between the rebalances: the rest waits at the shard.
  response.pause()
  let ended = false
  const end = new Promise<string>(resolve => {
    response.once('end', () => resolve('complete'))
    response.once('error', error => resolve(error.message))
  }).finally(() => {
    ended = true
  })
  for (let round = 0; round < 3; round++) {
    const visitor = await members.start({ topic, group, instanceId: `visitor-${round}` })
    await eventually(() => expect(visitor.held()).toEqual([1]))
    await visitor.stop()
    await ready()
    response.resume()
    response.pause()
    expect(ended).toBe(false)
  }
  response.resume()
  expect(await end).toBe('complete')
  expect(text.match(/^many\{/gm)).toHaveLength(SERIES)
})
