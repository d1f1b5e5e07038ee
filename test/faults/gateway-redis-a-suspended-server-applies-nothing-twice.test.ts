import { afterEach, describe, expect, test } from 'vitest'
import { type LocalRedis, startRedis } from '../../dev/local/redis.js'
import type { RedisPushStore } from '../../gateway/store/redis/store.js'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'
import { startRedisStore } from '../support/redis-store.js'
import { SteadyPushes, steadyCounters } from '../support/steady-pushes.js'

const available = (await partOrSkip('redis')) !== null
const jobs = Array.from({ length: 20 }, (_, i) => `job-${i}`)

describe.skipIf(!available)('a suspended Redis', () => {
  let redis: LocalRedis | undefined
  const stores: RedisPushStore[] = []
  afterEach(async () => {
    await Promise.all(stores.splice(0).map(store => store.stop()))
    await redis?.stop()
  })

  test('fails pushes in time, takes none twice, and holds no gateway up when it stops', async () => {
    const started = await startRedis()
    redis = started
    const settings = { timeoutMs: 500, connectTimeoutMs: 500, maxInFlight: 10 }
    stores.push(await startRedisStore(redis.endpoints, settings))
    const pushes = new SteadyPushes(stores, jobs)
    await eventually(() => expect(pushes.total).toBeGreaterThan(50))
    started.node.pause()
    await eventually(() => {
      expect(pushes.errors.some(({ error }) => error.maybeApplied)).toBe(true)
      // Without a connection nothing is sent, and nothing is kept for later.
      expect(pushes.errors.some(({ error }) => !error.maybeApplied)).toBe(true)
      expect(stores[0].trouble()).toContain('Redis cannot be reached')
    })
    expect(stores[0].metrics().inFlight).toBeLessThanOrEqual(10)
    // Commands that were sent before are executed now; their repeats must not be.
    started.node.resume()
    const requests = pushes.total
    await eventually(() => expect(pushes.total).toBeGreaterThan(requests + jobs.length))
    await pushes.stop()
    expect(await steadyCounters(stores[0])).toEqual(pushes.done)
    expect(stores[0].metrics().refused).toBeGreaterThan(0)
    started.node.pause()
    const stopped = stores[0].read().catch(() => {})
    await stores[0].stop()
    await stopped
    started.node.resume()
  })
})
