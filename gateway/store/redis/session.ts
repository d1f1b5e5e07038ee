import type { Logger } from '../../../shared/base/logger.js'
import type { RepeatedWarnings } from '../../../shared/base/repeated-warnings.js'
import type { Argument, Connection } from './connection/connection.js'
import { brief, ConnectionFailed } from './connection/errors.js'
import { readServerInfo } from './connection/server-info.js'
import { type Answer, createTopology, type Topology } from './connection/topology.js'
import type { RedisOptions } from './options.js'

/** The oldest Redis whose scripts may read its clock before they write. */
const OLDEST_VERSION = 6
const RETRY_MS = 500

export interface SessionOptions {
  readonly options: RedisOptions
  readonly logger: Logger
  readonly warnings: RepeatedWarnings
  readonly onConnection: () => void
  /** The store cannot continue. */
  readonly onFailure: (error: Error) => void
}

/** The servers of a store, from the first attempt to find them on. */
export class Session implements Topology {
  #topology: Topology | undefined
  #problem = 'it has not answered yet'
  #stopped = false
  #wake: (() => void) | undefined

  constructor(private readonly settings: SessionOptions) {}

  start(): void {
    this.#find().catch(error => this.settings.onFailure(error))
  }

  stop(): void {
    this.#stopped = true
    this.#topology?.stop()
    this.#wake?.()
  }

  async run(bucket: number, name: string, args: readonly Argument[]): Promise<Answer> {
    if (this.#stopped) throw new ConnectionFailed('this gateway is stopping', false)
    if (!this.#topology) throw new ConnectionFailed(this.#problem, false)
    return this.#topology.run(bucket, name, args)
  }

  trouble(): string | undefined {
    if (!this.#topology) return `Redis cannot be reached: ${this.#problem}`
    return this.#topology.trouble()
  }

  async #find(): Promise<void> {
    const { options, logger } = this.settings
    while (!this.#stopped) {
      try {
        const { mode, topology } = await createTopology(options, {
          onConnection: connection => this.#check(connection),
          onLost: reason => this.#onLost(reason),
        })
        if (this.#stopped) return
        this.#topology = topology
        logger.info('connecting to Redis', { mode, endpoints: options.endpoints.join(',') })
        if (mode === 'cluster' && options.database !== 0)
          throw new Error('a Redis Cluster has only database 0; set --redis.database=0')
        topology.start()
        return
      } catch (error) {
        if (!(error instanceof ConnectionFailed)) throw error
        this.#problem = brief(error)
        this.#onLost(this.#problem)
        await this.#pause()
      }
    }
  }

  /** @throws Error if the server must not be used */
  async #check(connection: Connection): Promise<void> {
    const { logger, warnings, onFailure, options } = this.settings
    const info = await readServerInfo(connection)
    const { version, isReplica, evictionPolicy, replicas } = info
    if (version !== undefined && Number.parseInt(version, 10) < OLDEST_VERSION) {
      const error = new Error(
        `${connection.address} is Redis ${version}; upgrade it to ${OLDEST_VERSION} or newer`,
      )
      onFailure(error)
      throw error
    }
    if (isReplica) throw new Error(`${connection.address} is a replica; name the master`)
    if (evictionPolicy !== undefined && evictionPolicy !== 'noeviction')
      warnings.warn(
        'eviction',
        'Redis removes push groups when its memory is full; set maxmemory-policy to noeviction',
        { address: connection.address, policy: evictionPolicy },
      )
    if (replicas < options.waitReplicas)
      warnings.warn('replicas', 'Redis has fewer replicas than --redis.wait-replicas', {
        address: connection.address,
        replicas,
      })
    this.settings.onConnection()
    logger.info('connected to Redis', { address: connection.address, version, replicas })
  }

  #onLost(reason: string): void {
    this.settings.warnings.warn('connection', 'Redis cannot be reached; connecting again', {
      reason,
    })
  }

  #pause(): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, RETRY_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
