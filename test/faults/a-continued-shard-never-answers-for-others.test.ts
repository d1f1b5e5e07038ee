import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Exposer } from '../../exposer/server/exposer.js'
import { eventually } from '../support/eventually.js'
import { name, newTopic } from '../support/kafka.js'
import { Fleet, publishedIn, ShardChild, startShard, targetPath } from '../support/shards.js'

const shortTimeout = { 'x-prometheus-scrape-timeout-seconds': '0.05' }

let fleet: Fleet
let zombie: ShardChild
let survivor: Exposer

beforeEach(async () => {
  const settings = { topic: await newTopic(4), group: name('group') }
  fleet = new Fleet(settings.topic, 12)
  await fleet.publish()
  zombie = await ShardChild.start(settings)
  await eventually(async () => expect((await fetch(`${zombie.url}/-/ready`)).status).toBe(200))
  survivor = await startShard(settings)
})

afterEach(async () => {
  await fleet.stop()
  await zombie.end()
  await survivor.stop()
})

/** The counter of each app that this shard serves itself, without redirects. */
async function servedBy(url: string): Promise<Map<string, number>> {
  const served = new Map<string, number>()
  await Promise.all(
    fleet.apps.map(async app => {
      const response = await fetch(url + targetPath(app), {
        redirect: 'manual',
        headers: shortTimeout,
      })
      const text = await response.text()
      if (response.status === 200) served.set(app.labels[0].value, publishedIn(text))
    }),
  )
  return served
}

test('a shard that was suspended beyond its session timeout never serves targets of the new owner', async () => {
  await eventually(async () => {
    const counts = [(await servedBy(zombie.url)).size, (await servedBy(survivor.url)).size]
    expect(counts[0] + counts[1]).toBe(fleet.apps.length)
    expect(Math.min(...counts)).toBeGreaterThan(0)
  })
  zombie.signal('SIGSTOP')
  await eventually(async () => expect((await servedBy(survivor.url)).size).toBe(fleet.apps.length))
  await fleet.publish()
  await eventually(async () => {
    for (const rounds of (await servedBy(survivor.url)).values()) expect(rounds).toBe(2)
  })
  // These requests are sent while the shard is suspended. It handles them before it learns of the
  // rebalance.
  const first = scrapeZombie()
  zombie.signal('SIGCONT')
  expectNoOldValues(await first)
  await eventually(async () => {
    expectNoOldValues(await scrapeZombie())
    expect((await fetch(`${zombie.url}/-/ready`)).status).toBe(200)
  })
})

const scrapeZombie = () =>
  Promise.all([
    servedBy(zombie.url),
    fetch(`${zombie.url}/metrics`, { headers: shortTimeout })
      .then(
        async response => (response.ok ? await response.text() : ''),
        // An aborted response counts as none.
      )
      .catch(() => ''),
  ])

function expectNoOldValues([own, massive]: Awaited<ReturnType<typeof scrapeZombie>>): void {
  for (const [instance, rounds] of own) expect(rounds, `old value of ${instance}`).toBe(2)
  expect(massive).not.toMatch(/^published_total\{.*\} 1$/m)
}
