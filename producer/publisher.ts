import { type Clock, systemClock } from '../shared/base/clock.js'
import { settlesWithin } from '../shared/base/deadline.js'
import { createSender, type Sender } from '../shared/kafka/sender.js'
import { ConflatingOutbox, type ConflatingTarget } from '../shared/publish/conflating-outbox.js'
import { publicationOf } from '../shared/publish/publications.js'
import { Report } from '../shared/publish/report.js'
import { SnapshotLoop } from '../shared/publish/snapshot-loop.js'
import { beginTarget } from './active-targets.js'
import { SourceCollector } from './collector.js'
import type { Settings } from './options.js'
import { OverlapWatch } from './overlap-watch.js'
import { PublisherStats, registerStats } from './own-metrics.js'
import type { SourceError } from './source-error.js'

const SEND_TIMEOUT_MS = 5000
const DISCONNECT_MS = 500

/**
 * Publishes an application's metrics. Failures of the brokers do not affect the application: no
 * method throws or rejects, at most two snapshots are held, and superseded snapshots are counted.
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
  readonly #overlaps: OverlapWatch
  #registration: ReturnType<typeof registerStats> | null = null
  #active: ReturnType<typeof beginTarget> | null = null
  #stopping: Promise<void> | null = null

  constructor(settings: Settings, clock: Clock = systemClock) {
    const { kafka, topic, logger, target, key, intervalMs, register, layoutCompression } = settings
    this.#settings = settings
    this.#clock = clock
    this.#report = new Report(logger)
    this.#sender = createSender({
      kafka,
      topic,
      logger: this.#report.clientLogger,
      sendTimeout: SEND_TIMEOUT_MS,
      background: true,
    })
    this.#outbox = new ConflatingOutbox({ sender: this.#sender, clock })
    this.#target = this.#outbox.target(key, {
      acknowledged: tookMs => this.#acknowledged(tookMs),
      failed: error => this.#sendFailed(error),
      changed: () => this.#count(),
    })
    const collector = new SourceCollector(
      register,
      async () => this.#registration?.unregisteredMetrics() ?? [],
      {
        sourcesFailed: (errors, isWhole) => this.#sourcesFailed(errors, isWhole),
        leftOut: (dropped, omitted) => {
          this.#stats.metricsDropped = dropped.size + omitted.size
          this.#report.dropped(dropped, omitted)
        },
      },
      layoutCompression,
    )
    for (const source of collector.sourceNames) this.#stats.sourceErrors.set(source, 0)
    this.#loop = new SnapshotLoop({
      target,
      key,
      intervalMs,
      collector,
      clock,
      offer: collected => this.#target.offer(publicationOf(collected)),
      collectionFailed: error => this.#collectionFailed(error),
    })
    this.#overlaps = this.#watchOverlaps()
  }

  get #targetText(): string {
    const labels = this.#settings.target.map(
      ({ name, value }) => `${name}=${JSON.stringify(value)}`,
    )
    return `{${labels.join(', ')}}`
  }

  #watchOverlaps(): OverlapWatch {
    const { key, intervalMs } = this.#settings
    const { incarnation } = this.#loop
    return new OverlapWatch({
      incarnation,
      intervalMs,
      lastWrite: () => this.#sender.lastWrite(key),
      readBack: (offset, maxBytes) => this.#sender.readBack(key, offset, maxBytes),
      onChecked: others => this.#report.overlap(this.#targetText, incarnation, others),
      onUnauthorized: error => this.#report.overlapNotWatched(error),
    })
  }

  /**
   * Starts publishing. The first snapshot is collected immediately, so that short-lived jobs are
   * published too. Resolves at once, also if no broker can be reached: sending is retried.
   */
  async start(): Promise<void> {
    if (this.#registration || this.#stopping) return
    const { register, target, kafka, topic, key } = this.#settings
    const name = target.map(label => label.value).join('/')
    this.#registration = registerStats(register, name, this.#stats)
    this.#active = beginTarget(`${kafka.brokers.join()} ${topic} ${key.toString('latin1')}`)
    if (this.#active.isShared) this.#report.sameTarget(this.#targetText)
    this.#loop.start()
  }

  /**
   * Publishes the final values as the end of the run, so that the target ends without an alert, and
   * closes the connections. Never rejects. Further calls return the same promise.
   *
   * @param deadlineMs time to wait for the acknowledgement of the final snapshot
   */
  stop(deadlineMs = 3000): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    if (this.#registration && !(await settlesWithin(deadlineMs, this.#publishEnd(deadlineMs / 4))))
      this.#report.endNotAcknowledged(deadlineMs)
    this.#loop.stop()
    this.#overlaps.stop()
    this.#outbox.stop()
    this.#registration?.unregister()
    this.#active?.end()
    await settlesWithin(DISCONNECT_MS, this.#sender.disconnect())
  }

  /** @param collectTimeoutMs timeout of each remaining collection */
  async #publishEnd(collectTimeoutMs: number): Promise<void> {
    await this.#loop.end(collectTimeoutMs)
    await this.#target.drain()
  }

  #acknowledged(tookMs: number): void {
    const { wall, mono } = this.#clock.now()
    this.#stats.lastAck = wall / 1000
    this.#overlaps.acknowledged(mono)
    this.#stats.sendDurations.observe(tookMs / 1000)
    this.#report.acknowledged(this.#target.counts.superseded)
  }

  #sendFailed(error: Error): void {
    this.#stats.sendErrors++
    this.#report.sendFailed(error, this.#clock.now().mono)
  }

  #collectionFailed(error: Error): void {
    this.#stats.collectErrors++
    this.#report.collectionFailed(error, this.#clock.now().mono)
  }

  #sourcesFailed(errors: readonly SourceError[], isWhole: boolean): void {
    const { sourceErrors } = this.#stats
    for (const source of new Set(errors.map(error => error.source)))
      sourceErrors.set(source, (sourceErrors.get(source) ?? 0) + 1)
    // The loop reports a collection that failed as a whole.
    if (isWhole) return
    this.#stats.collectErrors++
    this.#report.sourcesFailed(errors, this.#clock.now().mono)
  }

  #count(): void {
    const { counts, bytes } = this.#target
    this.#stats.snapshots = counts.offered
    this.#stats.superseded = counts.superseded
    this.#stats.bufferedBytes = bytes
  }
}
