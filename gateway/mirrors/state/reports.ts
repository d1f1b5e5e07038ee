/** What a scraper reports of one scrape, as far as it has come. */
export interface Report {
  /** Number of samples after relabelling. */
  samples?: number
  /** Duration, seconds. */
  seconds?: number
}

/** Reports of scrapes whose `up` has not come. */
const MAX_REPORTS = 1024

/** Reports by the time of their scrape. */
export class Reports {
  readonly #reports = new Map<number, Report>()

  /** @param time Unix ms */
  get(time: number): Report | undefined {
    return this.#reports.get(time)
  }

  /** The report of a scrape, which is begun if nothing of it has come. */
  of(time: number): Report {
    let report = this.#reports.get(time)
    if (report) return report
    report = {}
    this.#reports.set(time, report)
    if (this.#reports.size > MAX_REPORTS)
      this.#reports.delete(this.#reports.keys().next().value as number)
    return report
  }

  delete(time: number): void {
    this.#reports.delete(time)
  }
}

export const durationOf = (seconds: number | undefined): number =>
  seconds !== undefined && seconds >= 0 && Number.isFinite(seconds) ? seconds : 0

/** All that remote write tells of a failed scrape. */
export function reasonOf({ seconds }: Report): string {
  const after = durationOf(seconds)
  return `the scrape by the sender failed${after > 0 ? ` after ${after.toFixed(3)} s` : ''} (up 0); remote write does not tell why: see the targets of the sender`
}
