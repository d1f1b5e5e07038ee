import { asError } from '../base/as-error.js'
import type { Clock, Instant } from '../base/clock.js'
import { settlesWithin, withTimeout } from '../base/deadline.js'
import type { Label } from '../metrics/model.js'
import { FIRST_NATIVE } from '../snapshot/relayed.js'
import { EMPTY_SAMPLE } from './empty-sample.js'
import type { Collected } from './publications.js'
import { Run } from './run.js'
import type { Sample } from './sample.js'
import { Schedule } from './schedule.js'

/** The metrics of a target, read at one time. */
export interface Reading {
  /**
   * Maps the values to their layout, which is built if it has changed.
   *
   * @throws Error if none of the series can be published
   */
  sample(): Promise<Sample>
}

export interface Collector {
  /**
   * Reads all metrics of the target. Never called while a call is in progress.
   *
   * @param timeoutMs time after which the collection counts as failed
   * @throws Error whose message is the reason of the failure, in one line
   */
  collect(timeoutMs: number): Promise<Reading>
}

export interface SnapshotLoopOptions {
  /** Target labels, sorted by name. */
  readonly target: readonly Label[]
  /** Record key of the target. */
  readonly key: Uint8Array
  readonly intervalMs: number
  readonly collector: Collector
  readonly clock: Clock
  /**
   * When the first collection is: `now` also publishes short-lived jobs; `scheduled` spreads the
   * targets of a program that has many. Default: `now`.
   */
  readonly first?: 'now' | 'scheduled'
  offer(collected: Collected): void
  /** Called when a collection failed as a whole. Must not throw. */
  collectionFailed?(error: Error): void
}

/** Timeout of a collection as a share of the interval: it ends before the next one is due. */
const COLLECTION_SHARE = 0.9
/** Lets a collector that observes its timeout report the reason itself. */
const GRACE_MS = 50

/**
 * Collects one target on schedule. Offers the result of each collection: a sample, or why it failed.
 * Independent of prom-client and Kafka. Its timers do not keep the process alive.
 */
export class SnapshotLoop {
  readonly #options: SnapshotLoopOptions
  readonly #schedule: Schedule
  readonly #run: Run
  /** Of the last collection; null if that failed. */
  #last: Sample | null = null
  #hasSucceeded = false
  #timer: NodeJS.Timeout | null = null
  #reading: Promise<Reading> | null = null
  #collecting: Promise<void> | null = null
  #state: 'new' | 'running' | 'ending' | 'stopped' = 'new'

  constructor(options: SnapshotLoopOptions) {
    this.#options = options
    const { target, key, intervalMs, clock } = options
    this.#schedule = new Schedule(key, intervalMs)
    // A clock that was never set may begin at 0.
    const incarnation = Math.max(FIRST_NATIVE, Math.round(clock.now().wall))
    this.#run = new Run({ target, intervalMs, incarnation })
  }

  /** Start time of this run, Unix ms. */
  get incarnation(): number {
    return this.#run.header.incarnation
  }

  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    if (this.#options.first !== 'scheduled') this.#tick()
    this.#scheduleNext()
  }

  /**
   * Collects once more and offers the result as the end of the run. If only that collection fails,
   * the end has the values of the last snapshot; if the one before has failed too, no series. If
   * none has succeeded, the failure is offered. Nothing is offered afterwards.
   *
   * @param timeoutMs timeout of a collection in progress, and then of the final one
   */
  async end(timeoutMs: number): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'ending'
    if (this.#timer) clearTimeout(this.#timer)
    await settlesWithin(timeoutMs, this.#collecting ?? Promise.resolve())
    await this.#collect(Math.min(timeoutMs, this.#options.intervalMs), true)
    this.stop()
  }

  /** Stops without an end of the run. Nothing is offered afterwards. */
  stop(): void {
    this.#state = 'stopped'
    if (this.#timer) clearTimeout(this.#timer)
  }

  #scheduleNext(previous?: number): void {
    const { wall } = this.#options.clock.now()
    const tick = this.#schedule.after(wall, previous)
    this.#timer = setTimeout(
      () => {
        if (this.#state !== 'running') return
        this.#tick()
        this.#scheduleNext(tick)
      },
      this.#schedule.wait(tick, wall),
    )
    // Do not keep the process alive for this timer.
    this.#timer.unref()
  }

  #tick(): void {
    // Collections of a target never overlap.
    if (this.#collecting) return
    const timeoutMs = Math.round(this.#options.intervalMs * COLLECTION_SHARE)
    this.#collecting = this.#collect(timeoutMs, false).finally(() => {
      this.#collecting = null
    })
  }

  async #collect(timeoutMs: number, end: boolean): Promise<void> {
    const before = this.#options.clock.now()
    let after = before
    const isOutdated = () => this.#state !== (end ? 'ending' : 'running')
    try {
      const reading = await this.#read(timeoutMs)
      after = this.#options.clock.now()
      // `end` or `stop` was called meanwhile.
      if (isOutdated()) return
      const sample = await reading.sample()
      if (isOutdated()) return
      this.#last = sample
      this.#hasSucceeded = true
      this.#offer(sample, before, after, end)
    } catch (error) {
      if (isOutdated()) return
      if (after === before) after = this.#options.clock.now()
      const reason = asError(error)
      this.#options.collectionFailed?.(reason)
      // A target that ends is not down. Nor does it have the values from before an outage.
      const last = this.#hasSucceeded ? (this.#last ?? EMPTY_SAMPLE) : reason
      this.#offer(end ? last : reason, before, after, end)
      this.#last = null
    }
  }

  /** Awaits a call that is still in progress instead of making another: they would accumulate. */
  #read(timeoutMs: number): Promise<Reading> {
    this.#reading ??= (async () => this.#options.collector.collect(timeoutMs))().finally(() => {
      this.#reading = null
    })
    return withTimeout(this.#reading, timeoutMs + GRACE_MS, `no answer within ${timeoutMs} ms`)
  }

  #offer(result: Sample | Error, before: Instant, after: Instant, end: boolean): void {
    const collection = this.#run.next(after.wall, Math.max(0, after.mono - before.mono) / 1000)
    this.#options.offer({ run: this.#run.header, collection, result, end })
  }
}
