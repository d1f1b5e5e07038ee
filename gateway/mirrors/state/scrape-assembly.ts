import type { Assembly } from './made.js'
import type { PendingSamples } from './pending-samples.js'
import { type Report, Reports } from './reports.js'
import type { Scrape, Scrapes } from './scrapes.js'
import type { SeriesTable } from './series-table.js'

/** Decides when the snapshot of the next scrape of a target is made. */
export class ScrapeAssembly {
  readonly reports = new Reports()
  /** Series of the next scrape that have come. */
  #count = 0
  /** What was complete although the scraper reported more, or nothing. */
  #settled: { readonly reported: number | undefined; readonly count: number } | undefined

  constructor(
    private readonly scrapes: Scrapes,
    private readonly series: SeriesTable,
    private readonly timeoutMs: number,
  ) {}

  /** Another scrape is the next one. @param pending samples that have come before */
  begin({ slots, times, length }: PendingSamples): void {
    this.#count = 0
    if (!this.scrapes.head) return
    for (let i = 0; i < length; i++) {
      const slot = slots[i]
      if (slot >= 0) this.count(slot, times[i])
      else if (this.series.native[~slot] === 1) this.count(~slot, times[i])
    }
  }

  /** A sample has come, which is not a stale marker. @param time Unix ms */
  count(slot: number, time: number): void {
    const { head } = this.scrapes
    if (!head || time > head.time || this.series.counted[slot] === head.stamp) return
    this.series.counted[slot] = head.stamp
    this.#count++
  }

  /** A sample has come too late: the next snapshot waits for it again. */
  unsettle(): void {
    this.#settled = undefined
  }

  /** Why the snapshot of the next scrape is made now; undefined to wait. @param time log time */
  judge(head: Scrape, time: number): Assembly | undefined {
    if (this.scrapes.isWaiting(head, time)) return undefined
    if (head.outcome !== 'success') return 'count'
    const reported = this.reports.get(head.time)?.samples
    if (reported !== undefined && this.#count >= reported) return 'count'
    const settled = this.#settled
    if (settled && settled.reported === reported && this.#count >= settled.count) return 'settled'
    return time >= head.origin.time + this.timeoutMs ? 'timeout' : undefined
  }

  /** The snapshot of the next scrape is made. @returns what was reported of it */
  end({ time }: Scrape, assembly: Assembly): Report {
    const report = this.reports.get(time) ?? {}
    if (assembly === 'count') this.#settled = undefined
    else this.scrapes.leaveIncomplete()
    if (assembly === 'timeout')
      this.#settled =
        this.#count === 0 ? undefined : { reported: report.samples, count: this.#count }
    this.reports.delete(time)
    this.scrapes.shift()
    return report
  }
}
