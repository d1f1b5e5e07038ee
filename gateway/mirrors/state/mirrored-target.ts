import type { Steps } from '../../../shared/base/steps.js'
import type { Label } from '../../../shared/metrics/model.js'
import type { WriteRequest } from '../../../shared/metrics/remote-write/request.js'
import type { MemoryBudget } from './budget.js'
import type { MirrorFigures } from './figures.js'
import { HeldSamples } from './held-samples.js'
import type { Assembly, Made, Origin } from './made.js'
import { type MirrorOptions, newTargetMs } from './options.js'
import { RecordSeries } from './record-series.js'
import { durationOf, reasonOf } from './reports.js'
import { type Published, SampleIntake } from './sample-intake.js'
import { ScrapeAssembly } from './scrape-assembly.js'
import { type Scrape, Scrapes } from './scrapes.js'
import { SeriesTable } from './series-table.js'

/**
 * Memory of a target besides its series, as measured, bytes. A third of it is its place in the
 * outbox: it has none before its first snapshot, but may need it when there is no more room.
 */
const TARGET_BYTES = 9728

/** What all targets of a gateway share. */
export interface MirrorContext {
  readonly options: MirrorOptions
  readonly figures: MirrorFigures
  readonly budget: MemoryBudget
}

/**
 * What has come of one target by remote write. Pure: handed records and log time, it returns the
 * snapshots that are to be published.
 */
export class MirroredTarget {
  readonly #series = new SeriesTable()
  readonly #samples: HeldSamples
  readonly #records: RecordSeries
  readonly #scrapes: Scrapes
  readonly #assembly: ScrapeAssembly
  readonly #intake: SampleIntake
  readonly #published: Published = { lastNumber: Number.NEGATIVE_INFINITY, isTimed: false }
  #lastSeen: number
  /** What is accounted. */
  #bytes = 0
  #heldSeries = 0
  #isDropped = false
  #isDown = false

  /** @param firstSeen log time of its first record, Unix ms */
  constructor(
    readonly key: Buffer,
    readonly labels: readonly Label[],
    private readonly context: MirrorContext,
    private readonly firstSeen: number,
  ) {
    this.#records = new RecordSeries(this.#series, labels, context.budget)
    const { lookbackMs, assemblyMs } = context.options
    this.#samples = new HeldSamples(this.#series, lookbackMs, firstSeen)
    this.#scrapes = new Scrapes(lookbackMs)
    this.#assembly = new ScrapeAssembly(this.#scrapes, this.#series, assemblyMs)
    this.#intake = new SampleIntake({
      series: this.#series,
      pending: this.#samples.pending,
      scrapes: this.#scrapes,
      assembly: this.#assembly,
      published: this.#published,
      figures: context.figures,
    })
    this.#lastSeen = firstSeen
    this.#account()
  }

  static readonly bytes = TARGET_BYTES

  /** Time of the last snapshot, failure or end, Unix ms; −∞ before the first. */
  get lastNumber(): number {
    return this.#published.lastNumber
  }

  /** Number of samples with times that went back. */
  get back(): number {
    return this.#intake.back
  }

  /** Log time of the last one, Unix ms; −∞ before the first. */
  get backAt(): number {
    return this.#intake.backAt
  }

  /** Log time of the last record, Unix ms. */
  get lastSeen(): number {
    return this.#lastSeen
  }

  get intervalMs(): number {
    return this.#published.isTimed ? this.context.options.intervalMs : this.#scrapes.intervalMs
  }

  /** Whether its last scrape failed. */
  get isDown(): boolean {
    return this.#isDown
  }

  get isTimed(): boolean {
    return this.#published.isTimed
  }

  /** Number of series that are known, those of the scraper included. */
  get seriesCount(): number {
    return this.#series.size
  }

  /** Number of scrapes whose `up` has come so far. */
  get scrapes(): number {
    return this.#scrapes.added
  }

  /** Whether its interval is not known yet. */
  get isFirst(): boolean {
    return this.#scrapes.isFirst
  }

  /** The oldest scrape that is not published. */
  get head(): Scrape | undefined {
    return this.#scrapes.head
  }

  /** @param origin position and log time of the record */
  *apply(request: WriteRequest, origin: Origin): Steps<void> {
    if (request.series === 0) return
    const slots = this.#records.find(request) ?? (yield* this.#records.resolve(request))
    this.#lastSeen = origin.time
    this.#intake.take(request, slots, origin)
    this.context.figures.overtaken += this.#samples.bound()
    this.#account()
  }

  /** What is to be published at this log time. */
  *due(time: number): Generator<Made> {
    for (;;) {
      const { head } = this.#scrapes
      const assembly = head && this.#assembly.judge(head, time)
      if (!head || !assembly) break
      const made = this.#make(head, assembly, time)
      this.#assembly.begin(this.#samples.pending)
      yield made
    }
    this.#account()
  }

  /**
   * The snapshot of a target without `up` at a multiple of the interval.
   *
   * @param origin the next record of the log, and the multiple
   */
  timed(origin: Origin): Made | undefined {
    const { time } = origin
    const { figures, options } = this.context
    const { intervalMs } = options
    const published = this.#published
    const wasTimed = published.isTimed
    published.isTimed = time > published.lastNumber && this.#isTimedAt(time)
    if (!published.isTimed) return undefined
    this.#samples.advance(Number.POSITIVE_INFINITY, time)
    const header = { collectedAt: time, intervalMs, collectSeconds: 0, origin }
    const snapshot = this.#samples.snapshot(time)
    this.#account()
    if (snapshot.values.length === 0) published.isTimed = false
    if (!wasTimed && !published.isTimed) return undefined
    published.lastNumber = time
    if (published.isTimed) {
      this.#isDown = false
      figures.snapshots.interval++
      return { kind: 'snapshot', ...header, assembly: 'interval', ...snapshot }
    }
    figures.ends++
    return { kind: 'end', ...header }
  }

  /** Whether nothing is left to be published or known. @param time log time */
  isGone(time: number): boolean {
    return (
      this.#scrapes.length === 0 &&
      !this.#published.isTimed &&
      this.#lastSeen <= time - this.context.options.lookbackMs
    )
  }

  /** Releases its part of the budget. Nothing may be applied afterwards. */
  drop(): void {
    this.#isDropped = true
    const { budget, figures } = this.context
    budget.change(-this.#bytes)
    figures.series -= this.#heldSeries
    this.#bytes = 0
    this.#heldSeries = 0
  }

  #account(): void {
    if (this.#isDropped) return
    const { budget, figures } = this.context
    const bytes =
      TARGET_BYTES + this.#series.bytes + this.#samples.pending.bytes + this.#records.bytes
    budget.change(bytes - this.#bytes)
    this.#bytes = bytes
    figures.series += this.#series.size - this.#heldSeries
    this.#heldSeries = this.#series.size
  }

  #make(head: Scrape, assembly: Assembly, time: number): Made {
    const { figures } = this.context
    this.#samples.advance(head.time, time)
    this.#published.lastNumber = head.time
    const intervalMs = this.#scrapes.intervalMs
    const report = this.#assembly.end(head, assembly)
    const header = {
      collectedAt: head.time,
      intervalMs,
      collectSeconds: durationOf(report.seconds),
      origin: head.origin,
    }
    this.#isDown = head.outcome === 'failure'
    switch (head.outcome) {
      case 'end':
        figures.ends++
        return { kind: 'end', ...header }
      case 'failure':
        figures.failures++
        return { kind: 'failure', ...header, reason: reasonOf(report) }
      case 'success':
        figures.snapshots[assembly]++
        return { kind: 'snapshot', ...header, assembly, ...this.#samples.snapshot(head.time) }
    }
  }

  #isTimedAt(time: number): boolean {
    const { options } = this.context
    if (this.#scrapes.length > 0) return false
    if (this.#scrapes.lastArrival > time - options.lookbackMs) return false
    // What ended with its last `up` is silent for good, and gets no snapshot.
    return (
      this.#published.isTimed ||
      (this.firstSeen <= time - newTargetMs(options) &&
        this.#lastSeen > time - options.lookbackMs / 2)
    )
  }
}
