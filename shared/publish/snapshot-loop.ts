import { asError } from '../base/as-error.js'
import type { Clock, Instant } from '../base/clock.js'
import { settlesWithin, withTimeout } from '../base/deadline.js'
import type { Label } from '../metrics/model.js'
import type { Publication } from './publication.js'
import { failureOf, snapshotOf } from './publications.js'
import { Run } from './run.js'
import type { Sample } from './sample.js'
import { Schedule } from './schedule.js'

/** What was read of a target, at one moment. */
export interface Reading {
  /** Its values by their layout. Takes longer when the layout has to be made. @throws Error when there is nothing to publish */
  sample(): Promise<Sample>
}

export interface Collector {
  /**
   * Reads all that the target has now. Never called while the last call is still waited for.
   *
   * @param timeoutMs after which nobody waits for it any more
   * @throws Error: why the collection failed, in a line for people
   */
  collect(timeoutMs: number): Promise<Reading>
}

export interface SnapshotLoopOptions {
  /** Sorted labels, and the key that is made of them. */
  readonly target: readonly Label[]
  readonly key: Uint8Array
  readonly intervalMs: number
  readonly collector: Collector
  readonly clock: Clock
  offer(publication: Publication): void
  /** A collection failed as a whole. Must not throw. */
  collectionFailed?(error: Error): void
}

/** The share of the interval that a collection may take, so that its outcome is offered before the next one is due. */
const COLLECTION_SHARE = 0.9
/** For a collector that keeps to its timeout, to say itself what was late. */
const GRACE_MS = 50

/**
 * Collects one target on schedule and offers each collection once: a snapshot, or a failure with its reason. Knows neither
 * registries nor Kafka. No timer of it keeps the process alive.
 */
export class SnapshotLoop {
  readonly #options: SnapshotLoopOptions
  readonly #schedule: Schedule
  readonly #run: Run
  #last: Sample | null = null
  #timer: NodeJS.Timeout | null = null
  #reading: Promise<Reading> | null = null
  #collecting: Promise<void> | null = null
  #state: 'new' | 'running' | 'ending' | 'stopped' = 'new'

  constructor(options: SnapshotLoopOptions) {
    this.#options = options
    const { target, key, intervalMs, clock } = options
    this.#schedule = new Schedule(key, intervalMs)
    this.#run = new Run({ target, intervalMs, incarnation: Math.round(clock.now().wall) })
  }

  /** The first collection is now, so that a short-lived app is seen too; the others are on schedule. */
  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.#tick()
    this.#next()
  }

  /**
   * Collects a last time and offers that as the end of the run; with the values of before when it fails. Nothing is offered
   * after it.
   *
   * @param patienceMs that a collection under way, and then the last one, may take
   */
  async end(patienceMs: number): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'ending'
    if (this.#timer) clearTimeout(this.#timer)
    await settlesWithin(patienceMs, this.#collecting ?? Promise.resolve())
    await this.#collect(Math.min(patienceMs, this.#options.intervalMs), true)
    this.stop()
  }

  /** Offers nothing more. */
  stop(): void {
    this.#state = 'stopped'
    if (this.#timer) clearTimeout(this.#timer)
  }

  #next(previous?: number): void {
    const { wall } = this.#options.clock.now()
    const tick = this.#schedule.after(wall, previous)
    this.#timer = setTimeout(
      () => {
        if (this.#state !== 'running') return
        this.#tick()
        this.#next(tick)
      },
      this.#schedule.wait(tick, wall),
    )
    // Do not keep the process alive for this timer.
    this.#timer.unref()
  }

  #tick(): void {
    // A collection that is late is waited for, not joined by a second one.
    if (this.#collecting) return
    const timeoutMs = Math.round(this.#options.intervalMs * COLLECTION_SHARE)
    this.#collecting = this.#collect(timeoutMs, false).finally(() => {
      this.#collecting = null
    })
  }

  async #collect(timeoutMs: number, end: boolean): Promise<void> {
    const before = this.#options.clock.now()
    let after = before
    const hasEnded = () => this.#state !== (end ? 'ending' : 'running')
    try {
      const reading = await this.#read(timeoutMs)
      after = this.#options.clock.now()
      // The last one has taken its place.
      if (hasEnded()) return
      const sample = await reading.sample()
      if (hasEnded()) return
      this.#last = sample
      this.#offer(sample, before, after, end)
    } catch (error) {
      if (hasEnded()) return
      if (after === before) after = this.#options.clock.now()
      const why = asError(error)
      this.#options.collectionFailed?.(why)
      // A goodbye with the values of before is better than an alert.
      if (end && this.#last) this.#offer(this.#last, before, after, end)
      else this.#offer(why, before, after, end)
    }
  }

  /** One that hangs is waited for again: others beside it would gather for as long as it does. */
  #read(timeoutMs: number): Promise<Reading> {
    this.#reading ??= (async () => this.#options.collector.collect(timeoutMs))().finally(() => {
      this.#reading = null
    })
    return withTimeout(this.#reading, timeoutMs + GRACE_MS, `no answer within ${timeoutMs} ms`)
  }

  #offer(what: Sample | Error, before: Instant, after: Instant, end: boolean): void {
    const { header } = this.#run
    const collection = this.#run.next(after.wall, Math.max(0, after.mono - before.mono) / 1000)
    this.#options.offer(
      what instanceof Error
        ? failureOf(header, collection, what.message)
        : snapshotOf(header, collection, what, end),
    )
  }
}
