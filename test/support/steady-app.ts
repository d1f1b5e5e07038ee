import type { Sender } from '../../shared/kafka/sender.js'
import { FakeApp } from './records.js'

export interface SteadyAppOptions {
  readonly labels: Record<string, string>
  readonly intervalMs?: number
  /** How far the clock of the app is ahead, ms. */
  readonly ahead?: number
  /** Draws the time from collection to sending, ms. The order of the snapshots is kept. */
  readonly delay?: () => number
}

/**
 * An app that publishes on its own timer. Its counter `steady_total` counts the seconds by the
 * clock of the app, so that its true rate is 1. A test can let the app die, restart, end, fail and
 * grow.
 */
export class SteadyApp {
  readonly labels: Record<string, string>
  readonly intervalMs: number
  /** Number of additional series. */
  extra = 0
  /** Why its collections fail; null as long as they do not. */
  failure: string | null = null
  #app: FakeApp
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> = Promise.resolve()
  readonly began = Date.now()
  /** Collection times by the clock of the app, Unix ms. */
  readonly collected: number[] = []
  #incarnation = Date.now()

  /** @param sender is disconnected by `stop` */
  constructor(
    private readonly sender: Sender,
    private readonly options: SteadyAppOptions,
  ) {
    this.labels = options.labels
    this.intervalMs = options.intervalMs ?? 1000
    this.#app = this.#run()
  }

  /** Label matchers of the target in PromQL. */
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

  /** Stops publishing, without the end of the run. */
  die(): void {
    clearInterval(this.#timer)
  }

  /** Starts a new run. */
  restart(): void {
    this.#incarnation = Math.max(this.#incarnation + 1, Date.now())
    this.#app = this.#run()
    this.start()
  }

  /** Ends the run cleanly. */
  async end(): Promise<void> {
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
    return new FakeApp({
      labels: this.labels,
      intervalMs: this.intervalMs,
      incarnation: this.#incarnation,
    })
  }

  #publish(end: boolean): void {
    const { ahead = 0, delay } = this.options
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
    const due = now + (delay?.() ?? 0)
    this.#sending = this.#sending
      .then(() => new Promise<void>(resolve => setTimeout(resolve, due - Date.now())))
      .then(() =>
        this.sender.send(
          this.#app.key,
          records.map(record => record.value!),
        ),
      )
      // Failed sends are lost. Tests of broker outages use the real publisher.
      .catch(() => {})
  }
}
