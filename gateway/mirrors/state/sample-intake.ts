import { isStaleMarkerAt, type WriteRequest } from '../../../shared/metrics/remote-write/request.js'
import type { MirrorFigures } from './figures.js'
import type { Origin } from './made.js'
import type { PendingSamples } from './pending-samples.js'
import { REFUSED } from './record-series.js'
import { KIND } from './report-series.js'
import type { ScrapeAssembly } from './scrape-assembly.js'
import type { Scrapes } from './scrapes.js'
import type { SeriesTable } from './series-table.js'

/** Receivers refuse samples that are ten seconds ahead of their clocks. */
const MAX_AHEAD_MS = 600_000

/** What has been published of a target. */
export interface Published {
  /** Time of the last snapshot, failure or end, Unix ms; −∞ before the first. */
  lastNumber: number
  /** Whether it gets a snapshot each interval, because it has no `up`. */
  isTimed: boolean
}

/** What the samples of a target become. */
export interface IntakeParts {
  readonly series: SeriesTable
  readonly pending: PendingSamples
  readonly scrapes: Scrapes
  readonly assembly: ScrapeAssembly
  readonly published: Published
  readonly figures: MirrorFigures
}

/**
 * Takes the samples of records: those of series wait for their scrapes, those of the scraper tell
 * of the scrapes.
 */
export class SampleIntake {
  /** Samples with times that went back, and the log time of the last one. */
  back = 0
  backAt = Number.NEGATIVE_INFINITY

  constructor(private readonly parts: IntakeParts) {}

  /**
   * @param slots the slot of each series of the request, or why it has none
   * @param origin position and log time of the record
   */
  take(request: WriteRequest, slots: Int32Array, origin: Origin): void {
    const { figures } = this.parts
    const { samplesFrom, valueAt, timestamps, bytes } = request
    const { kinds, newest, seenAt } = this.parts.series
    const latest = origin.time + MAX_AHEAD_MS
    // Faster than the methods of Buffer, which check their arguments.
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let s = 0; s < request.series; s++) {
      const slot = slots[s]
      const from = samplesFrom[s]
      const to = samplesFrom[s + 1]
      if (slot < 0) {
        const samples = to - from + request.histogramsFrom[s + 1] - request.histogramsFrom[s]
        figures.refused[slot === REFUSED ? 'memory' : 'label'] += samples
        continue
      }
      for (let i = from; i < to; i++) {
        const time = timestamps[i]
        if (time < 0 || time > latest) {
          figures.refused.time++
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
        if (kinds[slot] === KIND.ordinary) this.#takeSample(slot, time, value, isStale)
        else this.#takeReport(slot, time, value, isStale, origin)
      }
      if (request.histogramsFrom[s + 1] > request.histogramsFrom[s])
        this.#takeHistograms(slot, request, s, origin.time)
    }
  }

  #skip(time: number, newest: number, logTime: number): void {
    const { figures } = this.parts
    if (time === newest) {
      figures.repeated++
      return
    }
    figures.back++
    this.back++
    this.backAt = logTime
  }

  #takeSample(slot: number, time: number, value: number, isStale: boolean): void {
    const { series, pending, scrapes, assembly, published } = this.parts
    if (time <= published.lastNumber && scrapes.isIncomplete(time)) {
      this.#takeLate(slot, time, value, isStale)
      return
    }
    series.native[slot] = 0
    pending.add(isStale ? ~slot : slot, time, value)
    if (!isStale) assembly.count(slot, time)
  }

  /** A sample of a scrape whose snapshot was made without it: it is part of the next one. */
  #takeLate(slot: number, time: number, value: number, isStale: boolean): void {
    const { series, assembly, figures } = this.parts
    figures.late++
    assembly.unsettle()
    if (isStale) series.leave(slot, time)
    else series.setValue(slot, value, time)
  }

  /** Native histograms are counted as part of their scrape, and not mirrored. */
  #takeHistograms(slot: number, request: WriteRequest, s: number, logTime: number): void {
    const { series, pending, assembly, figures } = this.parts
    const { newest, seenAt, native } = series
    for (let i = request.histogramsFrom[s]; i < request.histogramsFrom[s + 1]; i++) {
      const time = request.histogramTimes[i]
      if (time < 0 || time > logTime + MAX_AHEAD_MS) {
        figures.refused.time++
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
      pending.add(~slot, time, 0)
      if (isStale) continue
      figures.nativeHistograms++
      assembly.count(slot, time)
    }
  }

  /** A sample of a series of the scraper. */
  #takeReport(slot: number, time: number, value: number, isStale: boolean, origin: Origin): void {
    const { series, assembly } = this.parts
    const kind = series.kinds[slot]
    if (kind === KIND.up) this.#takeUp(time, value, isStale, origin)
    else if (!isStale && kind !== KIND.otherReport) {
      const report = assembly.reports.of(time)
      if (kind === KIND.samples) report.samples = value
      else report.seconds = value
    }
  }

  #takeUp(time: number, value: number, isStale: boolean, origin: Origin): void {
    const { pending, scrapes, assembly, published } = this.parts
    const { isTimed, lastNumber } = published
    published.isTimed = false
    if (time <= lastNumber) {
      // A snapshot that had no `up` has its number.
      if (!isTimed) this.#skip(time, lastNumber, origin.time)
      if (!isStale) scrapes.hear(time, origin.time)
      return
    }
    const isFirst = scrapes.length === 0
    scrapes.add(time, isStale ? 'end' : value === 0 ? 'failure' : 'success', origin)
    if (isFirst) assembly.begin(pending)
  }
}
