import type { ConnectionOptions } from 'node:tls'

export type RedisMode = 'auto' | 'server' | 'cluster' | 'sentinel'

/** How to connect to one kind of server. */
export interface RedisAccess {
  readonly username?: string
  readonly password?: string
  /** Undefined for plain TCP. */
  readonly tls?: ConnectionOptions
}

export interface RedisOptions {
  /** `host:port` of the server, of nodes of the Cluster, or of the Sentinels. */
  readonly endpoints: readonly string[]
  /** `auto` asks the first endpoint that answers. */
  readonly mode: RedisMode
  /** Name of the master in the Sentinels. */
  readonly sentinelMaster: string
  /** Database number. A Cluster has only 0. */
  readonly database: number
  /** Beginning of every key. */
  readonly keyPrefix: string
  /**
   * Reads the credentials, before each connection, so that they may change.
   *
   * @throws Error with the problem of a file
   */
  readonly access: () => { readonly server: RedisAccess; readonly sentinel: RedisAccess }
  /** Within this time a connection is made and ready, ms. */
  readonly connectTimeoutMs: number
  /** Within this time a request is answered, ms. A connection without an answer is closed. */
  readonly timeoutMs: number
  /** Number of replicas that have to acknowledge a request. 0 waits for none. */
  readonly waitReplicas: number
  /** Within this time the replicas have to acknowledge, ms. */
  readonly waitTimeoutMs: number
  /** Number of requests in progress; more are refused. */
  readonly maxInFlight: number
  /** Estimated memory of all that is held beyond which it is not read, bytes. */
  readonly maxReadBytes: number
}
