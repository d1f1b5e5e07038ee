/** Number of tracked scrapers of a target. */
const TRACKED = 4
/** Time without a scrape after which a scraper is forgotten, in intervals. */
const MAX_AGE = 6
/** Weight of one event in the estimates of a phase and of its deviation. */
const SMOOTHING = { phase: 1 / 8, deviation: 1 / 16 }

/** `value` modulo `interval`, never negative. */
export function phaseOf(value: number, intervalMs: number): number {
  const rest = value % intervalMs
  return rest < 0 ? rest + intervalMs : rest
}

/** The shorter difference between two phases, in [−interval/2, interval/2). */
export function phaseDifference(from: number, to: number, intervalMs: number): number {
  return phaseOf(to - from + intervalMs / 2, intervalMs) - intervalMs / 2
}

/**
 * Phase of a repeated event within an interval, and how much it varies: exponentially weighted
 * means of the phase and of its absolute deviation, as RFC 6298 estimates a round-trip time.
 */
export class PhaseEstimate {
  /** ms in [0, interval). */
  phase: number
  /** Mean absolute deviation, ms. */
  deviation = 0

  constructor(at: number, intervalMs: number) {
    this.phase = phaseOf(at, intervalMs)
  }

  /** @param at Unix ms */
  add(at: number, intervalMs: number): void {
    const difference = phaseDifference(this.phase, at, intervalMs)
    this.phase = phaseOf(this.phase + difference * SMOOTHING.phase, intervalMs)
    this.deviation += (Math.abs(difference) - this.deviation) * SMOOTHING.deviation
  }
}

/** A scraper as it is handed over. */
export interface ScraperState {
  readonly phase: number
  readonly deviation: number
  /** Unix ms of its last scrape. */
  readonly last: number
  readonly intervals: number
}

interface Scraper {
  readonly estimate: PhaseEstimate
  /** Unix ms of its last scrape. */
  last: number
  /** Number of intervals in which it scraped. */
  intervals: number
}

/** The phases of the interval at which a target is scraped: one for each scraper. */
export class ScrapePhases {
  #scrapers: Scraper[] = []

  /**
   * @param wall Unix ms
   * @param tolerance maximum difference of a scrape from the phase of its scraper, ms
   */
  add(wall: number, intervalMs: number, tolerance: number): void {
    let known: Scraper | undefined
    let least = tolerance
    for (const scraper of this.#scrapers) {
      const difference = Math.abs(phaseDifference(scraper.estimate.phase, wall, intervalMs))
      if (difference > least) continue
      known = scraper
      least = difference
    }
    if (known) {
      if (wall - known.last > intervalMs / 2) known.intervals++
      known.estimate.add(wall, intervalMs)
      known.last = wall
      return
    }
    this.#forget(wall, intervalMs)
    const scraper = { estimate: new PhaseEstimate(wall, intervalMs), last: wall, intervals: 1 }
    if (this.#scrapers.length < TRACKED) this.#scrapers.push(scraper)
    else this.#scrapers[this.#leastRegular()] = scraper
  }

  /**
   * The phases of regular scrapers: those with two recent scrapes in different intervals. Single
   * requests, such as by curl, are ignored.
   */
  steady(wall: number, intervalMs: number): PhaseEstimate[] {
    this.#forget(wall, intervalMs)
    return this.#scrapers.filter(({ intervals }) => intervals > 1).map(({ estimate }) => estimate)
  }

  state(): ScraperState[] {
    return this.#scrapers.map(({ estimate: { phase, deviation }, last, intervals }) => ({
      phase,
      deviation,
      last,
      intervals,
    }))
  }

  resume(scrapers: readonly ScraperState[]): void {
    this.#scrapers = scrapers.slice(0, TRACKED).map(({ phase, deviation, last, intervals }) => {
      const estimate = new PhaseEstimate(0, 1)
      Object.assign(estimate, { phase, deviation })
      return { estimate, last, intervals }
    })
  }

  /** Another interval has other phases. */
  clear(): void {
    this.#scrapers = []
  }

  #forget(wall: number, intervalMs: number): void {
    const since = wall - MAX_AGE * intervalMs
    if (this.#scrapers.some(({ last }) => last <= since))
      this.#scrapers = this.#scrapers.filter(({ last }) => last > since)
  }

  /** Single requests replace each other, not a scraper that comes each interval. */
  #leastRegular(): number {
    let least = 0
    this.#scrapers.forEach(({ intervals, last }, i) => {
      const other = this.#scrapers[least]!
      if (intervals < other.intervals || (intervals === other.intervals && last < other.last))
        least = i
    })
    return least
  }
}
