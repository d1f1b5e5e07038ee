/** Number of recorded scrapes: two of each of four scrapers. */
const RECORDED = 8
/** Age in intervals after which a recorded scrape is ignored. */
const MAX_AGE = 6

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
 * The phases of the interval at which a target is scraped, one for each scraper with that interval.
 */
export class ScrapePhases {
  readonly #times = new Float64Array(RECORDED).fill(Number.NEGATIVE_INFINITY)
  #next = 0

  /** @param wall Unix ms */
  add(wall: number): void {
    this.#times[this.#next] = wall
    this.#next = (this.#next + 1) % RECORDED
  }

  /**
   * The phases of regular scrapers: those with two recent scrapes in different intervals. Single
   * requests, such as by curl, are ignored.
   *
   * @param tolerance maximum phase difference between two scrapes of one scraper, ms
   */
  steady(wall: number, intervalMs: number, tolerance: number): number[] {
    const recent = [...this.#times]
      .filter(time => time > wall - MAX_AGE * intervalMs)
      .sort((a, b) => b - a)
    const phases: number[] = []
    for (const time of recent) {
      const again = recent.some(
        other =>
          time - other > intervalMs / 2 &&
          Math.abs(phaseDifference(time, other, intervalMs)) <= tolerance,
      )
      const known = phases.some(
        phase => Math.abs(phaseDifference(phase, time, intervalMs)) <= tolerance,
      )
      if (again && !known) phases.push(phaseOf(time, intervalMs))
    }
    return phases
  }
}
