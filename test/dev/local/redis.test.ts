import { afterEach, describe, expect, test } from 'vitest'
import {
  type LocalRedis,
  SENTINEL_MASTER,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
} from '../../../dev/local/redis.js'
import { partOrSkip } from '../../support/or-skip.js'

const started: LocalRedis[] = []
const keep = <T extends LocalRedis>(redis: T): T => {
  started.push(redis)
  return redis
}
afterEach(async () => {
  await Promise.all(started.splice(0).map(redis => redis.stop()))
})

const redis = await partOrSkip('redis')
describe.skipIf(redis === null)('the local Redis', () => {
  test('is a server that answers, and ends', async () => {
    const { node, stop } = await startRedis()
    expect(await node.run('set', 'a', 'b')).toBe('OK')
    await stop()
    expect(node.pid).toBeNull()
  })

  test('is a master with a replica, which the Sentinels know', async () => {
    const { nodes, endpoints } = keep(await startRedisSentinel())
    expect(endpoints).toHaveLength(3)
    expect(await nodes[0].run('wait', 1, 1000)).toBe(1)
    const [host, port] = endpoints[0].split(':')
    expect(host).toBe('127.0.0.1')
    expect(SENTINEL_MASTER).toBe('pushes')
    expect(Number(port)).toBeGreaterThan(0)
  })

  test('is a Cluster that serves all slots', async () => {
    const { nodes } = keep(await startRedisCluster())
    expect(nodes).toHaveLength(6)
    expect(String(await nodes[5].run('cluster', 'info'))).toContain('cluster_slots_ok:16384')
  })
})
