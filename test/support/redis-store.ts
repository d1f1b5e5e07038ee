import type { RedisOptions } from '../../gateway/store/redis/options.js'
import { RedisPushStore } from '../../gateway/store/redis/store.js'
import type { Logger } from '../../shared/base/logger.js'
import { eventually } from './eventually.js'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

const redisOptions = (
  endpoints: readonly string[],
  options: Partial<RedisOptions> = {},
): RedisOptions => ({
  endpoints,
  mode: 'auto',
  sentinelMaster: 'pushes',
  database: 0,
  keyPrefix: 'test:',
  access: () => ({ server: {}, sentinel: {} }),
  connectTimeoutMs: 5000,
  timeoutMs: 10_000,
  waitReplicas: 0,
  waitTimeoutMs: 3000,
  maxInFlight: 1000,
  maxReadBytes: 2 ** 30,
  ...options,
})

/** Starts a store and waits until it can serve. */
export async function startRedisStore(
  endpoints: readonly string[],
  options: Partial<RedisOptions> = {},
  logger = silent,
): Promise<RedisPushStore> {
  const store = createRedisStore(endpoints, options, logger)
  await store.start()
  await eventually(() => {
    const trouble = store.trouble()
    if (trouble !== undefined) throw new Error(trouble)
  })
  return store
}

export const createRedisStore = (
  endpoints: readonly string[],
  options: Partial<RedisOptions> = {},
  logger = silent,
): RedisPushStore => new RedisPushStore(redisOptions(endpoints, options), logger)
