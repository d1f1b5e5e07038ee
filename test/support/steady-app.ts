import type { Sender } from '../../shared/kafka/sender.js'
import { FakeApp } from './records.js'

export interface SteadyAppOptions {
  readonly labels: Record<string, string>
  readonly intervalMs?: number
  /** Milliseconds that its clock is ahead. */
  readonly ahead?: number
  /** Milliseconds from collection to sending; the order is kept. */
  readonly way?: () => number
}

/**
 * An app as its publisher would have it publish, on a timer of its own: `steady_total` counts its seconds by its own clock, so that
 * its rate is 1 whatever happens on the way. It can die, come back, say goodbye and explode, when a test says so.
 */
export class SteadyApp {
  readonly labels: Record<string, string>
  readonly intervalMs: number
  /** Series beyond its own two. */
  extra = 0
  /** Why its collections fail; null as long as they do not. */
  failure: string | null = null
  #app: FakeApp
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> = Promise.resolve()
  readonly began = Date.now()
  /** Unix ms at which it collected, by its own clock. */
  readonly collected: number[] = []
  #incarnation = Date.now()

  /** @param sender its own, closed with it */
  constructor(
    private readonly sender: Sender,
    private readonly options: SteadyAppOptions,
  ) {
    this.labels = options.labels
    this.intervalMs = options.intervalMs ?? 1000
    this.#app = this.#run()
  }

  /** As Prometheus selects it. */
  get selector(): string {
    return Object.entries(this.labels)
      .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
      .join(',')
  }

  start(): this {
    this.#publish(false)
    this.#timer = setInterval(() => this.#publish(false), this.intervalMs)
    return this
  }

  /** From now on nothing is heard of it. */
  die(): void {
    clearInterval(this.#timer)
  }

  /** A new process of the same app. */
  restart(): void {
    this.#incarnation = Math.max(this.#incarnation + 1, Date.now())
    this.#app = this.#run()
    this.start()
  }

  async goodbye(): Promise<void> {
    this.die()
    this.#publish(true)
    await this.#sending
  }

  async stop(): Promise<void> {
    this.die()
    await this.#sending
    await this.sender.disconnect()
  }

  #run(): FakeApp {
    return new FakeApp({ labels: this.labels, intervalMs: this.intervalMs, incarnation: this.#incarnation })
  }

  #publish(end: boolean): void {
    const { ahead = 0, way } = this.options
    const now = Date.now()
    const collectedAt = now + ahead
    this.collected.push(collectedAt)
    const extra = Array.from({ length: this.extra }, (_, i) => `extra{i="${i}"} 1\n`).join('')
    const exposition = `# TYPE steady_total counter\nsteady_total ${(now - this.began) / 1000}\n${
      extra && `# TYPE extra gauge\n${extra}`
    }`
    const records =
      this.failure === null
        ? this.#app.records({ exposition, collectedAt, end })
        : [this.#app.failure(this.failure, { collectedAt })]
    const due = now + (way?.() ?? 0)
    this.#sending = this.#sending
      .then(() => new Promise<void>(resolve => setTimeout(resolve, due - Date.now())))
      .then(() =>
        this.sender.send(
          this.#app.key,
          records.map(record => record.value!),
        ),
      )
      // What a broker in trouble does not take is lost: tests of that have the real publisher.
      .catch(() => {})
  }
}
