import { type RedisOptions as IoredisOptions, Redis } from 'ioredis'
import type { RedisAccess, RedisOptions } from '../options.js'
import { Connection } from './connection.js'
import { brief, ConnectionFailed } from './errors.js'

/** Time after which a connection that does not end by itself is destroyed, ms. */
const DISCONNECT_MS = 200

/** Where to connect: to an address, or to the master that the Sentinels name. */
export type Place =
  | { readonly kind: 'server' | 'sentinel'; readonly address: string }
  | { readonly kind: 'master' }

export interface Opened {
  readonly connection: Connection
  /** Resolves when the connection has ended, with the reason. */
  readonly ended: Promise<string>
}

/**
 * Opens one connection. ioredis neither reconnects nor queues nor resends: credentials are read for
 * each connection, and a command that is not answered fails at once.
 *
 * @throws ConnectionFailed
 */
export async function open(options: RedisOptions, place: Place): Promise<Opened> {
  const address = place.kind === 'master' ? `master ${options.sentinelMaster}` : place.address
  const redis = new Redis({ ...common(options), ...specific(options, place) })
  let reason = 'the connection was closed'
  redis.on('error', (error: unknown) => {
    reason = brief(error)
  })
  const ended = new Promise<string>(resolve => redis.once('end', () => resolve(reason)))
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`it was not ready within ${options.connectTimeoutMs} ms`))
    }, options.connectTimeoutMs)
  })
  try {
    const connecting = redis.connect()
    connecting.catch(() => {}) // After the timeout nobody waits for it.
    await Promise.race([connecting, timeout])
    // An address is only in a connection to a master that the Sentinels have named.
    return { connection: new Connection(redis, address, options.timeoutMs), ended }
  } catch (error) {
    redis.disconnect()
    const message = reason === 'the connection was closed' ? brief(error) : reason
    throw new ConnectionFailed(`${address}: ${message}`, false)
  } finally {
    clearTimeout(timer)
  }
}

function common(options: RedisOptions): IoredisOptions {
  return {
    lazyConnect: true,
    connectionName: 'kafka-exposer-gateway',
    disableClientInfo: true,
    connectTimeout: options.connectTimeoutMs,
    disconnectTimeout: DISCONNECT_MS,
    keepAlive: 10_000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
  }
}

function specific(options: RedisOptions, place: Place): IoredisOptions {
  const { server, sentinel } = options.access()
  if (place.kind === 'master') {
    return {
      ...credentials(server),
      db: options.database,
      enableTLSForSentinelMode: server.tls !== undefined,
      sentinels: options.endpoints.map(hostAndPort),
      name: options.sentinelMaster,
      sentinelUsername: sentinel.username,
      sentinelPassword: sentinel.password,
      sentinelTLS: sentinel.tls,
      sentinelCommandTimeout: options.connectTimeoutMs,
      sentinelRetryStrategy: () => null,
      updateSentinels: false,
      // A master that was replaced while it cannot be reached would take what is lost.
      failoverDetector: true,
    }
  }
  if (place.kind === 'sentinel')
    return { ...credentials(sentinel), ...hostAndPort(place.address), enableReadyCheck: false }
  return { ...credentials(server), ...hostAndPort(place.address), db: options.database }
}

const credentials = ({ username, password, tls }: RedisAccess): IoredisOptions => ({
  ...(username === undefined ? {} : { username }),
  ...(password === undefined ? {} : { password }),
  ...(tls === undefined ? {} : { tls }),
})

function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return {
    host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(address.slice(colon + 1)),
  }
}
