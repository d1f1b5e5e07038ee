import { type Clock, systemClock } from '../shared/base/clock.js'
import { settlesWithin } from '../shared/base/deadline.js'
import { createSender, type Sender } from '../shared/kafka/sender.js'
import { ConflatingOutbox, type ConflatingTarget } from '../shared/publish/conflating-outbox.js'
import { Report } from '../shared/publish/report.js'
import { SnapshotLoop } from '../shared/publish/snapshot-loop.js'
import { SourceCollector } from './collector.js'
import type { Settings } from './options.js'
import { PublisherStats, registerStats } from './own-metrics.js'

const SEND_TIMEOUT_MS = 5000
const DISCONNECT_MS = 500

/**
 * Publishes an app's metrics. Whatever happens to the brokers, the app notices nothing: no call of this throws later than
 * its construction, nothing is queued, and what could not be sent is counted.
 */
export class Publisher {
  readonly #settings: Settings
  readonly #clock: Clock
  readonly #report: Report
  readonly #stats = new PublisherStats()
  readonly #sender: Sender
  readonly #outbox: ConflatingOutbox
  readonly #target: ConflatingTarget
  readonly #loop: SnapshotLoop
  #own: ReturnType<typeof registerStats> | null = null
  #stopping: Promise<void> | null = null

  constructor(settings: Settings, clock: Clock = systemClock) {
    const { kafka, topic, logger, target, key, intervalMs, register } = settings
    this.#settings = settings
    this.#clock = clock
    this.#report = new Report(logger)
    this.#sender = createSender({
      kafka,
      topic,
      logger: this.#report.client,
      sendTimeout: SEND_TIMEOUT_MS,
      background: true,
    })
    this.#outbox = new ConflatingOutbox({ sender: this.#sender, clock })
    this.#target = this.#outbox.target(key, {
      acknowledged: tookMs => this.#acknowledged(tookMs),
      failed: error => this.#sendFailed(error),
      changed: () => this.#count(),
    })
    const collector = new SourceCollector(register, async () => this.#own?.loose() ?? [], {
      incomplete: error => this.#collectFailed('incomplete', error),
      leftOut: (dropped, omitted) => {
        this.#stats.metricsDropped = dropped.size + omitted.size
        this.#report.dropped(dropped, omitted)
      },
    })
    this.#loop = new SnapshotLoop({
      target,
      key,
      intervalMs,
      collector,
      clock,
      offer: publication => this.#target.offer(publication),
      collectionFailed: error => this.#collectFailed('failed', error),
    })
  }

  /**
   * Begins to publish. Resolves at once, also when no broker can be reached: it goes on trying, and the first snapshot is taken
   * now, so that a short-lived app is seen too.
   */
  async start(): Promise<void> {
    if (this.#own || this.#stopping) return
    const { register, target } = this.#settings
    this.#own = registerStats(register, target.map(label => label.value).join('/'), this.#stats)
    this.#loop.start()
  }

  /**
   * Takes the final values and says goodbye with them, so that the target leaves without an alert. Never rejects. Called again it
   * is the same stop.
   *
   * @param deadlineMs after which it gives up what the brokers have not taken
   */
  stop(deadlineMs = 3000): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    if (this.#own && !(await settlesWithin(deadlineMs, this.#goodbye(deadlineMs / 4))))
      this.#report.noGoodbye(deadlineMs)
    this.#loop.stop()
    this.#outbox.stop()
    this.#own?.leave()
    await settlesWithin(DISCONNECT_MS, this.#sender.disconnect())
  }

  /** @param patienceMs that a collection may take, of the time there is to say goodbye */
  async #goodbye(patienceMs: number): Promise<void> {
    await this.#loop.end(patienceMs)
    await this.#target.drain()
  }

  #acknowledged(tookMs: number): void {
    this.#stats.lastAck = this.#clock.now().wall / 1000
    this.#stats.sendDurations.observe(tookMs / 1000)
    this.#report.sent(this.#target.counts.superseded)
  }

  #sendFailed(error: Error): void {
    this.#stats.sendErrors++
    this.#report.sendFailed(error, this.#clock.now().mono)
  }

  #collectFailed(how: 'incomplete' | 'failed', error: Error): void {
    this.#stats.collectErrors++
    this.#report.collectFailed(how, error, this.#clock.now().mono)
  }

  #count(): void {
    const { counts, bytes } = this.#target
    this.#stats.snapshots = counts.offered
    this.#stats.superseded = counts.superseded
    this.#stats.bufferedBytes = bytes
  }
}
