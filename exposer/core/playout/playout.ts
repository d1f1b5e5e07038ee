import type { Instant } from '../../../shared/base/clock.js'
import { MAX_HELD } from './bounds.js'
import { chooseDelay } from './choose.js'
import { phaseDifference, phaseOf, ScrapePhases } from './phases.js'
import { WindowMax } from './window-max.js'

export interface PlayoutOptions {
  /** D in ms for every target, or null to choose it for each by itself. */
  readonly fixedMs: number | null
  /** D never gets longer, ms. */
  readonly mostMs: number
}

/** D before anything is known of a target's way through the queue, ms. */
const UNKNOWN_MS = 1000
/** Beyond the longest way of the last ten minutes. */
const MARGIN = { share: 0.05, leastMs: 50 }
/** How much one snapshot moves the estimate of the phase at which a target publishes. */
const SMOOTHING = 1 / 8

/**
 * The playout delay D of one target, as a jitter buffer has: long enough for what came the slowest way in the last ten minutes, and
 * off the moments at which it is scraped. Its propagation is taken by the producer's clock at one end and ours at the other,
 * so that a clock that is wrong by a constant cancels out.
 */
export class Playout {
  /** D, ms. */
  delay: number
  /** Snapshots that came when they would have been due already. */
  late = 0
  readonly #propagation = new WindowMax()
  readonly #scrapes = new ScrapePhases()
  #intervalMs = 0
  /** The phase at which the target collects. */
  #phase = Number.NaN
  /** Ways that no D may cover. */
  readonly #beyond = new WindowMax()
  /** Whether the last way counts. */
  #counted = false
  /** Whether the last one had replaced others unsent. */
  #replaced = false
  /** The longest way for which D was chosen, ms. */
  #covered = Number.NEGATIVE_INFINITY
  #minute = -1

  constructor(private readonly options: PlayoutOptions) {
    this.delay = options.fixedMs ?? UNKNOWN_MS
  }

  /**
   * A snapshot has come.
   *
   * @param collectedAt Unix ms by the producer's clock
   * @param arrivedAt Unix ms by our clock; in a replay when it was appended, because when we read it says nothing
   * @param replaced its publisher replaced others unsent before it: the one before was held up by an outage, which is over
   * @returns whether it is late: it would have been due before it came
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
      this.#phase = Number.NaN
    }
    const phase = phaseOf(collectedAt, intervalMs)
    this.#phase = Number.isNaN(this.#phase)
      ? phase
      : phaseOf(this.#phase + phaseDifference(this.#phase, phase, intervalMs) * SMOOTHING, intervalMs)
    // An outage is no jitter: waiting for the next one would show everything late for ten minutes, and what was replaced never came.
    // One that is always too slow for its interval is no outage either: its ways are what they are.
    if (replaced && this.#counted && !this.#replaced) {
      this.#propagation.retract(now.mono)
      this.#minute = -1
    }
    this.#replaced = replaced
    // D may not be as long as that, and a shorter one does not help what is late by more.
    this.#counted = propagation <= this.#most
    if (this.#counted) this.#propagation.add(propagation, now.mono)
    else this.#beyond.add(propagation, now.mono)
    // Looking at it costs more than a record may: only when D is too short now, or when a minute of the window has gone.
    const minute = Math.floor(now.mono / 60_000)
    if (propagation > this.#covered || minute !== this.#minute) {
      this.#minute = minute
      this.#choose(now)
    }
    return late
  }

  /** Somebody is about to be shown what is due now. */
  scraped(now: Instant): void {
    if (this.options.fixedMs !== null || this.#intervalMs === 0) return
    this.#scrapes.add(now.wall)
    this.#choose(now)
  }

  /** Why D is what it is: one line for people. */
  reason(now: Instant): string {
    if (this.options.fixedMs !== null) return 'fixed by --exposition.playout-delay'
    const longest = this.#propagation.max(now.mono)
    const beyond = this.#beyond.max(now.mono)
    if (beyond > longest) {
      return `the longest way of the last ten minutes took ${(beyond / 1000).toFixed(2)} s, which no D may cover; ${(this.#most / 1000).toFixed(0)} s is the most`
    }
    if (longest === Number.NEGATIVE_INFINITY) return 'nothing has come in the last ten minutes'
    const way = `the longest way of the last ten minutes took ${(longest / 1000).toFixed(2)} s`
    const spare = this.delay - this.#least(now)
    return spare > 1
      ? `${way}; ${(spare / 1000).toFixed(2)} s to spare keep it clear of scrapes and changes`
      : way
  }

  /** What waits for its time is held: no more than may be held. */
  get #most(): number {
    return Math.min(this.options.mostMs, (MAX_HELD - 4) * this.#intervalMs)
  }

  #least(now: Instant): number {
    const longest = this.#propagation.max(now.mono)
    if (longest === Number.NEGATIVE_INFINITY) return UNKNOWN_MS
    return Math.max(0, longest + Math.max(MARGIN.leastMs, longest * MARGIN.share))
  }

  #choose(now: Instant): void {
    const intervalMs = this.#intervalMs
    this.#covered = this.#propagation.max(now.mono)
    const least = this.#least(now)
    const most = this.#most
    const boundaries = this.#scrapes
      .steady(now.wall, intervalMs, intervalMs / 16)
      .map(scrape => phaseOf(scrape - this.#phase, intervalMs))
    this.delay = chooseDelay({ current: this.delay, least, most, intervalMs, boundaries })
  }
}
