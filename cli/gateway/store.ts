import { logStore, redisStore, type StoreWithMetrics } from '../../gateway/server/stores.js'
import type { RedisAccess } from '../../gateway/store/redis/options.js'
import { systemClock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { readKafkaConfig } from '../../shared/kafka/flags.js'
import { instanceIdOf } from '../../shared/kafka/group/instance-id.js'
import type { GatewayValues } from './config.js'
import type { ConfigFile } from './config-file.js'
import { readRedisFile } from './redis-file.js'

/** Creates the store that the flags choose: Redis if it has an endpoint, else Kafka. */
export function createStore(
  values: GatewayValues,
  file: ConfigFile,
  { logger, memory }: { readonly logger: Logger; readonly memory: number },
): StoreWithMetrics {
  return values['redis.endpoint'].length > 0
    ? redisStore(redisOptions(values, file, memory), logger, systemClock)
    : logStore(
        {
          kafka: readKafkaConfig(values),
          topics: {
            pushes: values['kafka.pushes-topic'],
            snapshots: values['kafka.push-snapshots-topic'],
          },
          clock: systemClock,
          logger,
          acceptGap: values['log.accept-gap'],
        },
        values['kafka.writes-topic'],
        values.publish ? publishOptions(values) : undefined,
        values['write.mirrors'] ? mirrorOptions(values, memory) : undefined,
      )
}

/** How a gateway is a member of its groups. */
function memberOf(values: GatewayValues) {
  const id = values['kafka.instance-id']
  return {
    sessionTimeout: values['kafka.session-timeout'],
    ...(id !== undefined && { instanceId: instanceIdOf(id) }),
  }
}

const PUBLISH_BYTES = 64 * 1024 * 1024
/** Share of the memory that records of mirrors which wait for the brokers may take. */
const PENDING_SHARE = 1 / 8

function publishOptions(values: GatewayValues) {
  return {
    topic: values['kafka.topic'],
    group: `${values['kafka.group']}-publish`,
    ...memberOf(values),
    intervalMs: values['publish.interval'],
    maxBytes: PUBLISH_BYTES,
  }
}

function mirrorOptions(values: GatewayValues, memoryLimit: number) {
  return {
    snapshots: values['kafka.topic'],
    group: `${values['kafka.group']}-mirrors`,
    ...memberOf(values),
    lookbackMs: values['write.lookback'],
    assemblyMs: values['write.assembly-timeout'],
    intervalMs: values['write.interval'],
    maxBytes: Math.min(PUBLISH_BYTES, Math.floor(memoryLimit * PENDING_SHARE)),
    memoryLimit,
  }
}

function redisOptions(values: GatewayValues, file: ConfigFile, memory: number) {
  const timeoutMs = values['redis.timeout']
  return {
    endpoints: values['redis.endpoint'],
    mode: values['redis.mode'],
    sentinelMaster: values['redis.sentinel-master'],
    database: values['redis.database'],
    keyPrefix: values['redis.key-prefix'],
    access: () => accessOf(values['redis.config.file'], file),
    connectTimeoutMs: timeoutMs,
    timeoutMs,
    waitReplicas: values['redis.wait-replicas'],
    waitTimeoutMs: values['redis.wait-timeout'],
    maxInFlight: values['redis.max-in-flight'],
    maxReadBytes: memory,
  }
}

/** The file of PushGatewayRedis has a password, but not for the Sentinels. */
function accessOf(path: string | undefined, { redis = {} }: ConfigFile) {
  if (path !== undefined) return readRedisFile(path)
  const server: RedisAccess = {
    ...(redis.password ? { password: redis.password } : {}),
    ...(redis.tls_enabled ? { tls: { rejectUnauthorized: !redis.tls_skip_verify } } : {}),
  }
  return { server, sentinel: {} }
}
