import { afterAll, describe, expect, test } from 'vitest'
import { startRedis } from '../../dev/local/redis.js'
import { eventually } from '../support/eventually.js'
import { partOrSkip } from '../support/or-skip.js'
import { Programs } from '../support/program.js'
import { startRedisStore } from '../support/redis-store.js'
import { steadyCounters } from '../support/steady-pushes.js'

const available = (await partOrSkip('redis')) !== null
const KILLS = 5

describe.skipIf(!available)('a gateway with Redis that is killed', () => {
  const programs = new Programs()
  afterAll(() => programs.remove())

  test('loses no acknowledged push, and leaves none half applied', async () => {
    const redis = await startRedis()
    const store = await startRedisStore(redis.endpoints)
    try {
      const counted = new Map<string, number>()
      for (let kill = 0; kill < KILLS; kill++) {
        const jobs = [`job-${kill}-a`, `job-${kill}-b`]
        const gateway = await programs.start('redis-pushes.ts', [redis.endpoints[0], ...jobs])
        const acknowledged = () => new Map((gateway.messages.at(-1) ?? []) as [string, number][])
        await eventually(
          () => expect(acknowledged().get(jobs[1])).toBeGreaterThan(20),
          undefined,
          5,
        )
        await gateway.kill()
        const served = await steadyCounters(store)
        for (const [job, n] of acknowledged()) {
          // One more may have been applied whose acknowledgement was not sent or not reported.
          expect(served.get(job)).toBeGreaterThanOrEqual(n)
          counted.set(job, served.get(job)!)
        }
      }
      // Pushes of killed gateways change nothing later.
      const served = await steadyCounters(store)
      for (const [job, n] of counted) expect(served.get(job)).toBe(n)
      expect(counted.size).toBe(2 * KILLS)
      expect(store.held().groups).toBe(2 * KILLS)
    } finally {
      await store.stop()
      await redis.stop()
    }
  })
})
