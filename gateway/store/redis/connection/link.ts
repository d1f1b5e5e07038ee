import type { RedisOptions } from '../options.js'
import type { Connection } from './connection.js'
import { brief, ConnectionFailed } from './errors.js'
import { type Opened, open, type Place } from './open.js'

const FIRST_DELAY_MS = 50
const MAX_DELAY_MS = 1000

export interface LinkEvents {
  /** A connection is ready. If it throws, the connection is not used. */
  onReady(connection: Connection): Promise<void>
  /** A connection has ended or was not made. */
  onLost(reason: string): void
}

/** Keeps one connection to one place, and replaces it when it ends. */
export class Link {
  /** Monotonic ms at which the connection was last requested. */
  usedAt = performance.now()
  #connection: Connection | undefined
  #problem = 'it has not been connected yet'
  #stopped = false
  #delayMs = FIRST_DELAY_MS
  #wake: (() => void) | undefined

  constructor(
    private readonly options: RedisOptions,
    private readonly place: Place,
    private readonly events: LinkEvents,
  ) {}

  start(): void {
    this.#run().catch(() => {}) // It catches all that connections throw.
  }

  stop(): void {
    this.#stopped = true
    this.#connection?.close()
    this.#wake?.()
  }

  /** Why there is no connection. Undefined if there is one. */
  get problem(): string | undefined {
    return this.#connection?.isReady ? undefined : this.#problem
  }

  /** @throws ConnectionFailed if there is no connection */
  current(): Connection {
    this.usedAt = performance.now()
    if (this.#connection?.isReady) return this.#connection
    throw new ConnectionFailed(this.#problem, false)
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        const opened = await open(this.options, this.place)
        this.#problem = await this.#use(opened)
      } catch (error) {
        this.#problem = brief(error)
      }
      this.#connection = undefined
      if (this.#stopped) return
      this.events.onLost(this.#problem)
      await this.#pause()
    }
  }

  /** @returns why the connection has ended */
  async #use({ connection, ended }: Opened): Promise<string> {
    try {
      await this.events.onReady(connection)
      if (this.#stopped) connection.close()
      else this.#connection = connection
      this.#delayMs = FIRST_DELAY_MS
    } catch (error) {
      connection.close()
      await ended
      return brief(error)
    }
    return `${connection.address}: ${await ended}`
  }

  #pause(): Promise<void> {
    // Gateways that lost one server do not return at the same moment.
    const delay = this.#delayMs * (0.5 + Math.random() / 2)
    this.#delayMs = Math.min(2 * this.#delayMs, MAX_DELAY_MS)
    return new Promise(resolve => {
      const timer = setTimeout(resolve, delay)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
