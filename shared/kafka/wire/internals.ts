import type { Socket } from 'node:net'
import ConnectionModule from 'kafkajs/src/network/connection.js'
import createSocketFactory from 'kafkajs/src/network/socketFactory.js'
import errorModule from 'kafkajs/src/protocol/error.js'
import apiKeysModule from 'kafkajs/src/protocol/requests/apiKeys.js'
import requestsModule from 'kafkajs/src/protocol/requests/index.js'
import type { Logger } from '../../base/logger.js'
import type { ConnectionOptions } from './connection.js'
import { stopIdlePolling } from './idle-poll.js'
import { oauthBearerLogin } from './oauth-bearer.js'

/*
 * The parts of kafkajs below its consumer and producer: connections (TCP, TLS, SASL), and the
 * encoding of requests. The version is pinned.
 *
 * Its consumer is not used because it hides empty fetches, the generation and the send time of
 * heartbeats, forgets positions at every rebalance, stops for good at a batch with an unsupported
 * codec, fails a whole fetch for one partition, and decodes without yielding the event loop.
 */

/** Result of `encode` as kafkajs expects it. */
export interface Encoded {
  readonly buf: Buffer
  readonly buffer: Buffer
}

/** A request with the decoder of its response, in one version of the protocol. */
export interface Exchange {
  readonly request: {
    readonly apiKey: number
    readonly apiVersion: number
    readonly apiName: string
    encode(): Promise<Encoded>
  }
  readonly response: {
    decode(payload: Buffer): Promise<object>
    parse(decoded: object): Promise<unknown>
  }
}

export type VersionRanges = Readonly<Record<number, { minVersion: number; maxVersion: number }>>

/** A request in the queue of kafkajs. */
export interface QueuedRequest {
  readonly entry: {
    readonly apiKey: number
    readonly apiName: string
    readonly apiVersion: number
    readonly correlationId: number
    resolve(response: { readonly payload: Buffer }): void
    reject(error: Error): void
  }
  readonly expectResponse: true
  readonly requestTimeout: null
  sendRequest(): void
}

/** The connection of kafkajs, as far as it is used here. */
export interface RawConnection {
  readonly socket?: {
    destroy(error?: Error): void
    cork(): void
    write(bytes: Buffer): boolean
    uncork(): void
  }
  readonly requestQueue: {
    destroy(): void
    /** Sends it at once, or when the broker no longer throttles this client. */
    push(request: QueuedRequest): void
    maybeThrottle(ms: number | null): void
  }
  readonly clientId: string
  connectionStatus: string
  /** Milliseconds; 0 if the session does not end. */
  readonly sessionLifetime: { toNumber(): number }
  connect(): Promise<true>
  authenticate(): Promise<void>
  isConnected(): boolean
  /** False without SASL, and when the session has to be renewed before the next request. */
  isAuthenticated(): boolean
  nextCorrelationId(): number
  setVersions(versions: VersionRanges): void
  setSupportAuthenticationProtocol(supported: boolean): void
  send(exchange: Exchange): Promise<unknown>
  rejectRequests(error: Error): void
}

interface RawLogger {
  namespace(): RawLogger
  debug(message: string, fields?: Record<string, unknown>): void
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

interface RawConnectionOptions {
  host: string
  port: number
  clientId: string
  ssl: unknown
  sasl: unknown
  connectionTimeout: number
  requestTimeout: number
  enforceRequestTimeout: boolean
  logger: RawLogger
  socketFactory: unknown
}

const Connection = ConnectionModule as new (options: RawConnectionOptions) => RawConnection
const requests = requestsModule.requests as Readonly<
  Record<
    string,
    | { versions: string[]; protocol(choice: { version: number }): (args: object) => Exchange }
    | undefined
  >
>

export const createErrorFromCode = errorModule.createErrorFromCode

/** Logs messages of kafkajs at debug level: our own messages describe its errors. */
function quiet(logger: Logger): RawLogger {
  const debug = (message: string, fields?: Record<string, unknown>) =>
    logger.debug(`kafka client: ${message}`, fields)
  const self: RawLogger = {
    namespace: () => self,
    // kafkajs logs each request and response at this level, with an object each.
    debug: () => {},
    info: debug,
    warn: debug,
    error: debug,
  }
  return self
}

const createSocket = createSocketFactory() as (options: object) => Socket

/** Unreferenced twice: connecting to a host with several addresses may create another handle. */
function createBackgroundSocket(options: object): Socket {
  const socket = createSocket(options)
  socket.unref()
  socket.once('connect', () => socket.unref())
  return socket
}

export function createConnection(options: ConnectionOptions): RawConnection {
  const connection = new Connection({
    host: options.host,
    port: options.port,
    clientId: options.clientId,
    ssl: options.ssl,
    sasl: saslOf(options.sasl),
    connectionTimeout: options.timeout,
    requestTimeout: options.timeout,
    // kafkajs enforces it with a timer every 100 ms per connection; `Link` has its own timeouts.
    enforceRequestTimeout: false,
    logger: quiet(options.logger),
    socketFactory: options.background ? createBackgroundSocket : createSocketFactory(),
  })
  stopIdlePolling(connection.requestQueue, options.background)
  authenticateInTime(connection)
  return connection
}

/** The options of kafkajs, which stores its authenticator in this object. */
function saslOf(sasl: ConnectionOptions['sasl']): object | null {
  if (!sasl) return null
  if (sasl.mechanism !== 'oauthbearer') return { ...sasl }
  const authenticationProvider = oauthBearerLogin(sasl.token, sasl.extensions)
  return { mechanism: 'oauthbearer', authenticationProvider }
}

const MAX_THRESHOLD_MS = 10_000
/** Java clients authenticate again after 85 to 95 % of the lifetime of the session. */
const THRESHOLD_SHARE = 0.2

/**
 * kafkajs authenticates again 10 s before the broker ends the session (KIP-368), before the next
 * request. Shorter sessions would begin with every request.
 */
function authenticateInTime(connection: RawConnection): void {
  Object.defineProperty(connection, 'reauthenticationThreshold', {
    get: () =>
      Math.min(
        MAX_THRESHOLD_MS,
        Math.ceil(connection.sessionLifetime.toNumber() * THRESHOLD_SHARE),
      ),
  })
}

export type ApiName =
  | 'ApiVersions'
  | 'Metadata'
  | 'GroupCoordinator'
  | 'ListOffsets'
  | 'Fetch'
  | 'Produce'
  | 'JoinGroup'
  | 'SyncGroup'
  | 'Heartbeat'
  | 'LeaveGroup'
  | 'DescribeGroups'
  | 'OffsetCommit'
  | 'OffsetFetch'
  | 'CreateTopics'
  | 'DeleteRecords'
  | 'DescribeConfigs'
  | 'SaslAuthenticate'

/**
 * The newest version of a request that both library and broker support; undefined if there is none.
 */
export function newestVersion(api: ApiName, broker: VersionRanges): number | undefined {
  const key = apiKeysModule[api]
  const range = key === undefined ? undefined : broker[key]
  const known = requests[api]?.versions.map(Number) ?? []
  if (!range) return undefined
  const common = known.filter(v => v >= range.minVersion && v <= range.maxVersion)
  return common.length > 0 ? Math.max(...common) : undefined
}

export function apiKey(api: ApiName): number {
  return apiKeysModule[api]!
}

export function exchange(api: ApiName, version: number, args: object): Exchange {
  return requests[api]!.protocol({ version })(args)
}
