import { afterEach, describe, expect, test } from 'vitest'
import type { RedisNode } from '../../dev/local/redis/node.js'
import { type LocalRedis, startRedisCluster } from '../../dev/local/redis.js'
import { bucketOf, groupName, slotOf } from '../../gateway/store/redis/buckets.js'
import type { RedisPushStore } from '../../gateway/store/redis/store.js'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'
import { startRedisStore } from '../support/redis-store.js'
import { SteadyPushes, steadyCounters } from '../support/steady-pushes.js'

const available = (await partOrSkip('redis')) !== null
const jobs = Array.from({ length: 8 }, (_, i) => `job-${i}`)

describe.skipIf(!available)('resharding a Redis Cluster', () => {
  let redis: LocalRedis | undefined
  const stores: RedisPushStore[] = []
  afterEach(async () => {
    await Promise.all(stores.splice(0).map(store => store.stop()))
    await redis?.stop()
    redis = undefined
  })

  test('fails no push and no read, and loses none', async () => {
    redis = await startRedisCluster()
    for (let i = 0; i < 2; i++) stores.push(await startRedisStore(redis.endpoints))
    const masters = redis.nodes.slice(0, 3)
    const pushes = new SteadyPushes(stores, jobs)
    let reading = true
    const reads = (async () => {
      for (let known = new Map<string, number>(); reading; ) {
        const now = await steadyCounters(stores[0])
        // What was read once never vanishes and never decreases.
        for (const [job, n] of known) expect(now.get(job)).toBeGreaterThanOrEqual(n)
        known = now
      }
    })()
    reads.catch(() => {})
    await eventually(() => expect(pushes.done.size).toBe(jobs.length))
    for (const job of jobs) {
      const slot = slotOf(bucketOf(groupName([{ name: 'job', value: job }])))
      const from = Math.floor((slot * 3) / 16_384)
      await moveSlot(slot, masters[from], masters[(from + 1) % 3], masters)
    }
    const requests = pushes.total
    await eventually(() => expect(pushes.total).toBeGreaterThan(requests + 100))
    await pushes.stop()
    reading = false
    await reads
    expect(pushes.errors).toEqual([])
    for (const store of stores) expect(await steadyCounters(store)).toEqual(pushes.done)
    expect(stores.some(store => store.metrics().retries > 0)).toBe(true)
  })
})

/** As redis-cli --cluster reshard does it, with one key at a time. */
async function moveSlot(
  slot: number,
  source: RedisNode,
  target: RedisNode,
  masters: readonly RedisNode[],
): Promise<void> {
  const [from, to] = await Promise.all([source, target].map(node => node.run('cluster', 'myid')))
  await target.run('cluster', 'setslot', slot, 'importing', String(from))
  await source.run('cluster', 'setslot', slot, 'migrating', String(to))
  for (;;) {
    const keys = (await source.run('cluster', 'getkeysinslot', slot, 1)) as string[]
    if (keys.length === 0) break
    await source.run('migrate', target.host, target.port, keys[0], 0, 5000)
  }
  for (const node of [target, source, ...masters])
    await node.run('cluster', 'setslot', slot, 'node', String(to))
}
