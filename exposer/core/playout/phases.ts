/** Scrapes that are remembered: enough for four scrapers, twice each. */
const REMEMBERED = 8
/** Intervals after which a scrape says nothing any more. */
const MAX_AGE = 6

/** `value` modulo `interval`, never negative. */
export function phaseOf(value: number, intervalMs: number): number {
  const rest = value % intervalMs
  return rest < 0 ? rest + intervalMs : rest
}

/** The way from one phase to another, the shorter one, in [−interval/2, interval/2). */
export function phaseDifference(from: number, to: number, intervalMs: number): number {
  return phaseOf(to - from + intervalMs / 2, intervalMs) - intervalMs / 2
}

/** When a target is scraped, as a phase of its interval: each scraper that keeps the target's interval has one of its own. */
export class ScrapePhases {
  readonly #times = new Float64Array(REMEMBERED).fill(Number.NEGATIVE_INFINITY)
  #next = 0

  /** @param wall Unix ms */
  add(wall: number): void {
    this.#times[this.#next] = wall
    this.#next = (this.#next + 1) % REMEMBERED
  }

  /**
   * The phases at which somebody scrapes steadily: where two recent scrapes meet that are an interval or more apart. People with
   * curl, who come at any time, are none.
   *
   * @param tolerance ms that two scrapes of one scraper may differ by
   */
  steady(wall: number, intervalMs: number, tolerance: number): number[] {
    const recent = [...this.#times].filter(time => time > wall - MAX_AGE * intervalMs).sort((a, b) => b - a)
    const phases: number[] = []
    for (const time of recent) {
      const again = recent.some(
        other =>
          time - other > intervalMs / 2 && Math.abs(phaseDifference(time, other, intervalMs)) <= tolerance,
      )
      const known = phases.some(phase => Math.abs(phaseDifference(phase, time, intervalMs)) <= tolerance)
      if (again && !known) phases.push(phaseOf(time, intervalMs))
    }
    return phases
  }
}
