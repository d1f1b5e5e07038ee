import { describe } from 'vitest'
import {
  type LocalRedis,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
} from '../../../../dev/local/redis.js'
import { partOrSkip } from '../../../support/or-skip.js'
import { createRedisStore } from '../../../support/redis-store.js'
import { describeStore, type StoreBackend } from '../suite.js'

const available = (await partOrSkip('redis')) !== null

const backend = async (start: () => Promise<LocalRedis>): Promise<StoreBackend> => {
  const redis = await start()
  return {
    create: () => createRedisStore(redis.endpoints),
    suspend: async () => {
      for (const node of redis.nodes) node.pause()
    },
    resume: async () => {
      for (const node of redis.nodes) node.resume()
    },
    checksAllGroups: false,
    readsAlone: false,
    stop: () => redis.stop(),
  }
}

describe.skipIf(!available)('the Redis store', () => {
  describeStore('of a server', () => backend(startRedis))
  describeStore('of Sentinels', () => backend(startRedisSentinel))
  describeStore('of a Cluster', () => backend(startRedisCluster))
})
