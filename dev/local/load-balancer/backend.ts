import { Agent, get } from 'node:http'

/** `ready`: /-/ready is 200. `unready`: /-/ready is another status. `dead`: no response. */
export type Health = 'ready' | 'unready' | 'dead'

const PROBE_MS = 500
const PROBE_TIMEOUT_MS = 2000

/** A shard and its health, which is probed periodically and updated by failed requests. */
export class Backend {
  readonly agent = new Agent({ keepAlive: true })
  readonly #onDeath = new Set<() => void>()
  #health: Health = 'unready'
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(readonly url: URL) {}

  get health(): Health {
    return this.#health
  }

  start(): void {
    this.#probe()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    this.agent.destroy()
  }

  /**
   * Calls `listener` when the shard is found dead.
   *
   * @returns a function that removes the listener
   */
  onDeath(listener: () => void): () => void {
    this.#onDeath.add(listener)
    return () => this.#onDeath.delete(listener)
  }

  setHealth(health: Health): void {
    if (this.#stopped) return
    this.#health = health
    if (health === 'dead') for (const listener of [...this.#onDeath]) listener()
  }

  #probe(): void {
    let settled = false
    const settle = (health: Health) => {
      if (settled) return
      settled = true
      this.setHealth(health)
      if (!this.#stopped) this.#timer = setTimeout(() => this.#probe(), PROBE_MS)
    }
    // Always a new connection: a kept-alive one does not show whether the shard still accepts any.
    const options = { agent: false, timeout: PROBE_TIMEOUT_MS }
    const probe = get(new URL('/-/ready', this.url), options, response => {
      response.resume()
      settle(response.statusCode === 200 ? 'ready' : 'unready')
    })
    probe.on('timeout', () => probe.destroy(new Error('timeout')))
    probe.on('error', () => settle('dead'))
  }
}
