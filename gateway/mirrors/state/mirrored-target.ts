import type { Steps } from '../../../shared/base/steps.js'
import type { Label } from '../../../shared/metrics/model.js'
import { isStaleMarkerAt, type WriteRequest } from '../../../shared/metrics/remote-write/request.js'
import type { MemoryBudget } from './budget.js'
import type { MirrorFigures } from './figures.js'
import { HeldSamples } from './held-samples.js'
import type { Assembly, Made, Origin } from './made.js'
import { type MirrorOptions, newTargetMs } from './options.js'
import { REFUSED, RecordSeries } from './record-series.js'
import { KIND } from './report-series.js'
import { durationOf, reasonOf } from './reports.js'
import { ScrapeAssembly } from './scrape-assembly.js'
import { type Scrape, Scrapes } from './scrapes.js'
import { SeriesTable } from './series-table.js'

/** Receivers refuse samples that are ten seconds ahead of their clocks. */
const MAX_AHEAD_MS = 600_000
/** Memory of a target besides its series, bytes. */
const TARGET_BYTES = 4096

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
  /** Whether it gets a snapshot each interval, because it has no `up`. */
  #isTimed = false
  #lastNumber = Number.NEGATIVE_INFINITY
  #lastSeen: number
  /** What is accounted. */
  #bytes = 0
  #heldSeries = 0
  #isDropped = false
  /** Samples with times that went back, and the log time of the last one. */
  back = 0
  backAt = Number.NEGATIVE_INFINITY

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
    this.#lastSeen = firstSeen
    this.#account()
  }

  static readonly bytes = TARGET_BYTES

  /** Time of the last snapshot, failure or end, Unix ms; −∞ before the first. */
  get lastNumber(): number {
    return this.#lastNumber
  }

  /** Log time of the last record, Unix ms. */
  get lastSeen(): number {
    return this.#lastSeen
  }

  get intervalMs(): number {
    return this.#isTimed ? this.context.options.intervalMs : this.#scrapes.intervalMs
  }

  get isTimed(): boolean {
    return this.#isTimed
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
    const series = this.#series
    if (request.series === 0) return
    const slots = this.#records.find(request) ?? (yield* this.#records.resolve(request))
    this.#lastSeen = origin.time
    const { samplesFrom, valueAt, timestamps, bytes } = request
    const { kinds, newest, seenAt } = series
    const latest = origin.time + MAX_AHEAD_MS
    // Faster than the methods of Buffer, which check their arguments.
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let s = 0; s < request.series; s++) {
      const slot = slots[s]
      const from = samplesFrom[s]
      const to = samplesFrom[s + 1]
      if (slot < 0) {
        const samples = to - from + request.histogramsFrom[s + 1] - request.histogramsFrom[s]
        this.context.figures.refused[slot === REFUSED ? 'memory' : 'label'] += samples
        continue
      }
      for (let i = from; i < to; i++) {
        const time = timestamps[i]
        if (time < 0 || time > latest) {
          this.context.figures.refused.time++
          continue
        }
        if (time <= newest[slot]) {
          this.#skip(time, newest[slot], origin.time)
          continue
        }
        newest[slot] = time
        seenAt[slot] = origin.time
        const at = valueAt[i]
        const value = at < 0 ? 0 : view.getFloat64(at, true)
        const isStale = Number.isNaN(value) && isStaleMarkerAt(bytes, at)
        if (kinds[slot] === KIND.ordinary) this.#take(slot, time, value, isStale)
        else this.#report(slot, time, value, isStale, origin)
      }
      if (request.histogramsFrom[s + 1] > request.histogramsFrom[s])
        this.#takeHistograms(slot, request, s, origin.time)
    }
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
    const wasTimed = this.#isTimed
    this.#isTimed = time > this.#lastNumber && this.#isTimedAt(time)
    if (!this.#isTimed) return undefined
    this.#samples.advance(Number.POSITIVE_INFINITY, time)
    const header = { collectedAt: time, intervalMs, collectSeconds: 0, origin }
    const snapshot = this.#samples.snapshot(time)
    this.#account()
    if (snapshot.values.length === 0) this.#isTimed = false
    if (!wasTimed && !this.#isTimed) return undefined
    this.#lastNumber = time
    if (this.#isTimed) {
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
      !this.#isTimed &&
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

  #skip(time: number, newest: number, logTime: number): void {
    const { figures } = this.context
    if (time === newest) {
      figures.repeated++
      return
    }
    figures.back++
    this.back++
    this.backAt = logTime
  }

  #take(slot: number, time: number, value: number, isStale: boolean): void {
    if (time <= this.#lastNumber && this.#scrapes.isIncomplete(time)) {
      this.#takeLate(slot, time, value, isStale)
      return
    }
    this.#series.native[slot] = 0
    this.#samples.pending.add(isStale ? ~slot : slot, time, value)
    if (!isStale) this.#assembly.count(slot, time)
  }

  /** A sample of a scrape whose snapshot was made without it: it is part of the next one. */
  #takeLate(slot: number, time: number, value: number, isStale: boolean): void {
    this.context.figures.late++
    this.#assembly.unsettle()
    if (isStale) this.#series.leave(slot, time)
    else this.#series.setValue(slot, value, time)
  }

  /** Native histograms are counted as part of their scrape, and not mirrored. */
  #takeHistograms(slot: number, request: WriteRequest, s: number, logTime: number): void {
    const { newest, seenAt, native } = this.#series
    for (let i = request.histogramsFrom[s]; i < request.histogramsFrom[s + 1]; i++) {
      const time = request.histogramTimes[i]
      if (time < 0 || time > logTime + MAX_AHEAD_MS) {
        this.context.figures.refused.time++
        continue
      }
      if (time <= newest[slot]) {
        this.#skip(time, newest[slot], logTime)
        continue
      }
      newest[slot] = time
      seenAt[slot] = logTime
      const isStale = request.histogramStale[i] === 1
      native[slot] = isStale ? 0 : 1
      // Classic samples of the same series end here.
      this.#samples.pending.add(~slot, time, 0)
      if (isStale) continue
      this.context.figures.nativeHistograms++
      this.#assembly.count(slot, time)
    }
  }

  #report(slot: number, time: number, value: number, isStale: boolean, origin: Origin): void {
    const kind = this.#series.kinds[slot]
    if (kind === KIND.up) {
      const wasTimed = this.#isTimed
      this.#isTimed = false
      if (time <= this.#lastNumber) {
        // A snapshot that had no `up` has its number.
        if (!wasTimed) this.#skip(time, this.#lastNumber, origin.time)
        if (!isStale) this.#scrapes.hear(time, origin.time)
        return
      }
      const isFirst = this.#scrapes.length === 0
      this.#scrapes.add(time, isStale ? 'end' : value === 0 ? 'failure' : 'success', origin)
      if (isFirst) this.#assembly.begin(this.#samples.pending)
    } else if (!isStale && kind !== KIND.otherReport) {
      const report = this.#assembly.reports.of(time)
      if (kind === KIND.samples) report.samples = value
      else report.seconds = value
    }
  }

  #make(head: Scrape, assembly: Assembly, time: number): Made {
    const { figures } = this.context
    this.#samples.advance(head.time, time)
    this.#lastNumber = head.time
    const intervalMs = this.#scrapes.intervalMs
    const report = this.#assembly.end(head, assembly)
    const header = {
      collectedAt: head.time,
      intervalMs,
      collectSeconds: durationOf(report.seconds),
      origin: head.origin,
    }
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
      this.#isTimed ||
      (this.firstSeen <= time - newTargetMs(options) &&
        this.#lastSeen > time - options.lookbackMs / 2)
    )
  }
}
