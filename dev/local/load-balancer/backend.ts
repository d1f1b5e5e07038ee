import { Agent, get } from 'node:http'

/** `ready` serves; `unready` answers but says that it is not ready; `dead` does not answer. */
export type Health = 'ready' | 'unready' | 'dead'

const PROBE_MS = 500
const PROBE_TIMEOUT_MS = 2000

/** One shard as the front sees it. Probed all the time; what a request finds out counts at once. */
export class Backend {
  readonly agent = new Agent({ keepAlive: true })
  readonly #waiting = new Set<() => void>()
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

  /** `abandon` is called should the shard be found dead. Returns what ends the waiting. */
  wait(abandon: () => void): () => void {
    this.#waiting.add(abandon)
    return () => this.#waiting.delete(abandon)
  }

  is(health: Health): void {
    if (this.#stopped) return
    this.#health = health
    if (health === 'dead') for (const abandon of [...this.#waiting]) abandon()
  }

  #probe(): void {
    let settled = false
    const settle = (health: Health) => {
      if (settled) return
      settled = true
      this.is(health)
      if (!this.#stopped) this.#timer = setTimeout(() => this.#probe(), PROBE_MS)
    }
    // Not over kept-alive connections: whether a new one is accepted is the question.
    const probe = get(new URL('/-/ready', this.url), { agent: false, timeout: PROBE_TIMEOUT_MS }, answer => {
      answer.resume()
      settle(answer.statusCode === 200 ? 'ready' : 'unready')
    })
    probe.on('timeout', () => probe.destroy(new Error('timeout')))
    probe.on('error', () => settle('dead'))
  }
}
