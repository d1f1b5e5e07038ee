import type { Instant } from '../../../shared/base/clock.js'
import { MAX_HELD } from './bounds.js'
import { chooseDelay } from './choose.js'
import { PhaseEstimate, phaseOf, ScrapePhases, type ScraperState } from './phases.js'
import { isPlayoutTimesState, PlayoutTimes, type PlayoutTimesState } from './times.js'
import { WindowMax } from './window-max.js'

export interface PlayoutOptions {
  /** D of all targets in ms, or null to choose it for each target. */
  readonly fixedMs: number | null
  /** Maximum of D, ms. */
  readonly maxMs: number
}

/** What the next owner of a partition needs, so that no scrape sees an older snapshot. */
export interface PlayoutState {
  readonly delay: number
  /** Offset of the newest snapshot that was exposed; −1 before the first. */
  readonly shown: number
  readonly intervalMs: number
  /** When the target collects; null before the first snapshot. */
  readonly collections: { readonly phase: number; readonly deviation: number } | null
  readonly scrapers: readonly ScraperState[]
  /** Longest propagation delays by age in minutes, ms; null for none. */
  readonly longest: readonly (number | null)[]
  /** Undefined if an older shard, which has no playout times, hands the partition over. */
  readonly times?: PlayoutTimesState | undefined
}

/** D before the first measured propagation delay, ms. */
const INITIAL_MS = 1000
/** Added to the longest propagation delay of the last ten minutes. */
const MARGIN = { share: 0.05, minMs: 50 }
/**
 * Distance of D from the phases of scrapes, as a multiple of the mean absolute deviations of
 * scrapes and collections (RFC 6298 uses four), and at least.
 */
const GUARD = { deviations: 4, minMs: 50 }
/** D is shortened across a scrape phase when that has been possible for so long, ms. */
const LOWER_AFTER_MS = 120_000
/** Steps of D for scrapes with playout times, ms. */
const PLAYOUT_STEP_MS = 100
/** D is chosen for scrapes with playout times until so long after the last one, ms. */
const TIMED_FOR_MS = 600_000
/** Maximum difference of a scrape from the phase of its scraper, as a share of the interval. */
const PHASE_TOLERANCE = 1 / 16

/**
 * The playout delay D of one target, as in a jitter buffer: it covers the longest propagation delay
 * of the last ten minutes, and keeps clear of the times of scrapes. The propagation delay is
 * measured with the producer's clock at one end and this shard's at the other, so that a constant
 * clock error cancels out.
 */
export class Playout {
  /** D, ms. */
  delay: number
  /** Offset of the newest snapshot that was exposed; −1 before the first. */
  shown = -1
  /** Snapshots that arrived after D had elapsed. */
  late = 0
  readonly times = new PlayoutTimes()
  readonly #propagation = new WindowMax()
  readonly #scrapes = new ScrapePhases()
  #intervalMs = 0
  /** When the target collects; null before the first snapshot. */
  #collections: PhaseEstimate | null = null
  /** Propagation delays above the maximum of D. */
  readonly #beyond = new WindowMax()
  /** Whether the last propagation delay is in `#propagation`. */
  #counted = false
  /** Whether the publisher superseded others before the last snapshot. */
  #replaced = false
  /** The propagation delay for which D was chosen, ms. */
  #covered = Number.NEGATIVE_INFINITY
  #minute = -1
  #resumed = false
  /** Monotonic ms since when a shorter D has been possible without interruption. */
  #lowerSince = Number.POSITIVE_INFINITY
  /** Monotonic ms of the last scrape with playout times. */
  #timedAt = Number.NEGATIVE_INFINITY

  constructor(private readonly options: PlayoutOptions) {
    this.delay = options.fixedMs ?? INITIAL_MS
  }

  /**
   * A snapshot has arrived.
   *
   * @param collectedAt Unix ms by the producer's clock
   * @param arrivedAt Unix ms by this shard's clock; the append time for a replayed snapshot
   * @param replaced whether the publisher superseded others since the previous snapshot: an outage
   *   delayed that one, and is over
   * @returns whether it is late: D had elapsed before it arrived
   */
  arrived(
    collectedAt: number,
    arrivedAt: number,
    intervalMs: number,
    now: Instant,
    replaced = false,
  ): boolean {
    const propagation = arrivedAt - collectedAt
    const late = propagation > this.delay
    if (late) this.late++
    if (this.options.fixedMs !== null) return late
    if (intervalMs !== this.#intervalMs) {
      this.#intervalMs = intervalMs
      this.#collections = null
      this.#scrapes.clear()
    }
    if (this.#collections) this.#collections.add(collectedAt, intervalMs)
    else this.#collections = new PhaseEstimate(collectedAt, intervalMs)
    // An outage is not jitter: D would be too long for ten minutes. If the publisher supersedes
    // before every snapshot, Kafka is too slow for its interval; that is not an outage, and the
    // delay counts.
    if (replaced && this.#counted && !this.#replaced) {
      this.#propagation.retract(now.mono)
      this.#minute = -1
    }
    this.#replaced = replaced
    // D cannot cover a delay above its maximum, and a shorter D would be no better for such a
    // snapshot.
    this.#counted = propagation <= this.#most
    if (this.#counted) this.#propagation.add(propagation, now.mono)
    else this.#beyond.add(propagation, now.mono)
    // D is chosen anew only if it may be too short, or once a minute: for each record it would cost
    // too much.
    const minute = Math.floor(now.mono / 60_000)
    if (propagation > this.#covered || minute !== this.#minute) {
      this.#minute = minute
      this.#choose(now)
    }
    return late
  }

  /**
   * The target is being scraped.
   *
   * @param at when the scrape began, Unix ms, with playout times; undefined without
   */
  scraped(now: Instant, at?: number): void {
    if (at !== undefined) this.#timedAt = now.mono
    if (this.options.fixedMs !== null || this.#intervalMs === 0) return
    this.#scrapes.add(at ?? now.wall, this.#intervalMs, this.#intervalMs * PHASE_TOLERANCE)
    this.#choose(now)
  }

  /** @param times of the held snapshots */
  state(now: Instant, times?: PlayoutTimesState): PlayoutState {
    const collections = this.#collections
    return {
      delay: this.delay,
      shown: this.shown,
      intervalMs: this.#intervalMs,
      collections: collections && { phase: collections.phase, deviation: collections.deviation },
      scrapers: this.#scrapes.state(),
      longest: this.#propagation.state(now.mono),
      times,
    }
  }

  /** Continues as the playout of the previous owner of the target. Later calls do nothing. */
  resume(state: PlayoutState, now: Instant): void {
    if (this.#resumed) return
    this.#resumed = true
    this.shown = Math.max(this.shown, state.shown)
    if (state.times) this.times.resume(state.times, now.wall)
    // Until its scrapers come here: chosen without steps, D could become shorter unnoticed.
    if (state.times?.shown != null) this.#timedAt = now.mono
    if (this.options.fixedMs !== null || !state.collections) return
    this.delay = Math.min(state.delay, this.options.maxMs)
    if (this.#intervalMs === 0 || this.#intervalMs === state.intervalMs) {
      this.#intervalMs = state.intervalMs
      this.#collections ??= new PhaseEstimate(0, 1)
      Object.assign(this.#collections, state.collections)
      this.#scrapes.resume(state.scrapers)
    }
    this.#propagation.resume(state.longest, now.mono)
    this.#covered = this.#propagation.max(now.mono)
  }

  /** What determines D, in one line. */
  reason(now: Instant): string {
    if (this.options.fixedMs !== null) return 'fixed by --exposition.playout-delay'
    const longest = this.#propagation.max(now.mono)
    const beyond = this.#beyond.max(now.mono)
    if (beyond > longest) {
      return `longest propagation delay of the last 10 minutes: ${(beyond / 1000).toFixed(2)} s, above the maximum of ${(this.#most / 1000).toFixed(0)} s`
    }
    if (longest === Number.NEGATIVE_INFINITY) return 'no snapshot in the last 10 minutes'
    const cause = `longest propagation delay of the last 10 minutes: ${(longest / 1000).toFixed(2)} s`
    const spare = this.delay - this.#least(now)
    return spare > 1
      ? `${cause}; ${(spare / 1000).toFixed(2)} s longer than required, to avoid scrape times and changes`
      : cause
  }

  /** Maximum of D: snapshots are held for D, and their number is bounded. */
  get #most(): number {
    return Math.min(this.options.maxMs, (MAX_HELD - 4) * this.#intervalMs)
  }

  #least(now: Instant): number {
    const longest = this.#propagation.max(now.mono)
    if (longest === Number.NEGATIVE_INFINITY) return INITIAL_MS
    return Math.max(0, longest + Math.max(MARGIN.minMs, longest * MARGIN.share))
  }

  #choose(now: Instant): void {
    const intervalMs = this.#intervalMs
    this.#covered = this.#propagation.max(now.mono)
    const collections = this.#collections!
    const scrapers = this.#scrapes.steady(now.wall, intervalMs)
    const deviation = Math.max(0, ...scrapers.map(scraper => scraper.deviation))
    const chosen = chooseDelay({
      current: this.delay,
      least: this.#least(now),
      most: this.#most,
      intervalMs,
      boundaries: scrapers.map(({ phase }) => phaseOf(phase - collections.phase, intervalMs)),
      guard: Math.max(GUARD.minMs, GUARD.deviations * (deviation + collections.deviation)),
      step: now.mono - this.#timedAt < TIMED_FOR_MS ? PLAYOUT_STEP_MS : 0,
    })
    this.delay = chosen.delay
    if (chosen.lower === null) this.#lowerSince = Number.POSITIVE_INFINITY
    else if (now.mono < this.#lowerSince) this.#lowerSince = now.mono
    else if (now.mono - this.#lowerSince >= LOWER_AFTER_MS) {
      this.delay = chosen.lower
      this.times.shorten()
    }
  }
}

/** Whether a value from another shard is a state within the bounds of one. */
export function isPlayoutState(value: unknown): value is PlayoutState {
  if (typeof value !== 'object' || value === null) return false
  const { delay, shown, intervalMs, collections, scrapers, longest, times } = value as PlayoutState
  return (
    isWithin(delay, 0, MAX_TIME) &&
    Number.isSafeInteger(shown) &&
    shown >= -1 &&
    isWithin(intervalMs, 0, MAX_TIME) &&
    (collections === null || (isPhase(collections) && intervalMs > 0)) &&
    Array.isArray(scrapers) &&
    scrapers.length <= 16 &&
    scrapers.every(
      scraper =>
        isPhase(scraper) &&
        isWithin(scraper.last, 0, MAX_TIME) &&
        isWithin(scraper.intervals, 0, MAX_TIME),
    ) &&
    Array.isArray(longest) &&
    longest.length <= 16 &&
    longest.every(ms => ms === null || isWithin(ms, -MAX_TIME, MAX_TIME)) &&
    (times === undefined || isPlayoutTimesState(times))
  )
}

/** Unix ms and durations. */
const MAX_TIME = Number.MAX_SAFE_INTEGER

function isPhase(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { phase, deviation } = value as ScraperState
  return isWithin(phase, 0, MAX_TIME) && isWithin(deviation, 0, MAX_TIME)
}

const isWithin = (value: unknown, from: number, to: number) =>
  typeof value === 'number' && value >= from && value <= to
