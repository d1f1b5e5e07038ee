import { afterEach, describe, expect, test } from 'vitest'
import type { RedisNode } from '../../dev/local/redis/node.js'
import { type LocalRedis, startRedisCluster, startRedisSentinel } from '../../dev/local/redis.js'
import { BUCKETS, bucketOf, groupName, slotOf } from '../../gateway/store/redis/buckets.js'
import type { RedisPushStore } from '../../gateway/store/redis/store.js'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'
import { startRedisStore } from '../support/redis-store.js'
import { SteadyPushes, steadyCounters } from '../support/steady-pushes.js'

const available = (await partOrSkip('redis')) !== null
const jobs = Array.from({ length: 12 }, (_, i) => `job-${i}`)

describe.skipIf(!available)('a failover of Redis', () => {
  let redis: LocalRedis | undefined
  const stores: RedisPushStore[] = []
  afterEach(async () => {
    await Promise.all(stores.splice(0).map(store => store.stop()))
    await redis?.stop()
    redis = undefined
  })

  async function startStores(endpoints: readonly string[]) {
    for (let i = 0; i < 2; i++) stores.push(await startRedisStore(endpoints, { waitReplicas: 1 }))
    return stores
  }

  test('of Sentinels loses no push that a replica has, and applies none twice', async () => {
    redis = await startRedisSentinel()
    const [master, replica] = redis.nodes
    const pushes = new SteadyPushes(await startStores(redis.endpoints), jobs)
    await eventually(() => expect(pushes.total).toBeGreaterThan(100))
    expect(pushes.errors).toEqual([])
    await master.kill()
    await eventually(async () => expect(await roleOf(replica)).toBe('master'))
    const requests = pushes.total
    // It returns as a replica: without one nothing is acknowledged.
    await master.start()
    await eventually(() => expect(pushes.total).toBeGreaterThan(requests + 100))
    await pushes.stop()
    for (const store of stores) expect(await steadyCounters(store)).toEqual(pushes.done)
    expect(pushes.errors.length).toBeGreaterThan(0)
    expect(stores.some(store => store.metrics().unreplicated > 0)).toBe(true)
  })

  test('of a Cluster fails only pushes to the buckets of the dead master', async () => {
    redis = await startRedisCluster()
    const [master] = redis.nodes
    const replica = redis.nodes[3]
    const pushes = new SteadyPushes(await startStores(redis.endpoints), jobs)
    await eventually(() => expect(pushes.total).toBeGreaterThan(100))
    expect(pushes.errors).toEqual([])
    await master.kill()
    await eventually(async () => expect(await roleOf(replica)).toBe('master'))
    const requests = pushes.total
    await master.start()
    await eventually(() => expect(pushes.total).toBeGreaterThan(requests + 100))
    // Also the jobs of the dead master go on.
    const failed = new Set(pushes.errors.map(({ job }) => job))
    const before = new Map(pushes.done)
    await eventually(() => {
      for (const job of jobs) expect(pushes.done.get(job)).toBeGreaterThan(before.get(job)!)
    })
    await pushes.stop()
    for (const store of stores) expect(await steadyCounters(store)).toEqual(pushes.done)
    const ofMaster = jobs.filter(job => {
      const slot = slotOf(bucketOf(groupName([{ name: 'job', value: job }])))
      return slot < 16_384 / 3
    })
    expect(ofMaster.length).toBeGreaterThan(0)
    expect(ofMaster.length).toBeLessThan(Math.min(jobs.length, BUCKETS))
    expect([...failed].filter(job => !ofMaster.includes(job))).toEqual([])
  })
})

const roleOf = async (node: RedisNode): Promise<string | undefined> =>
  /role:(\w+)/.exec(String(await node.run('info', 'replication')))?.[1]
