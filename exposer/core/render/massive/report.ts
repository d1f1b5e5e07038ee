import type { Chunk } from '../../../../shared/exposition/chunks.js'
import { PAUSE } from '../../../../shared/exposition/chunks.js'
import type { LabelTail } from '../../../../shared/exposition/series-lines.js'
import { numberText } from '../../../../shared/metrics/number-text.js'

/** What Prometheus would report of a scrape of the application itself. */
export interface Report {
  readonly tail: LabelTail
  readonly up: boolean
  /** Seconds that the application's own collection took; 0 when it is down. */
  readonly duration: number
  readonly samples: number
  /** Series that the scraper was not shown before. */
  readonly added: number
}

type Of = (report: Report) => number

const METRICS: readonly (readonly [name: string, help: string, of: Of])[] = [
  ['up', 'Whether the target publishes in time.', report => (report.up ? 1 : 0)],
  [
    'scrape_duration_seconds',
    'How long the collection of the newest snapshot took the application.',
    report => report.duration,
  ],
  ['scrape_samples_scraped', 'Samples in the newest snapshot.', report => report.samples],
  [
    'scrape_samples_post_metric_relabeling',
    'As scrape_samples_scraped: nothing is relabeled before it is shown.',
    report => report.samples,
  ],
  ['scrape_series_added', 'Series that this scraper was not shown before.', report => report.added],
]

/** Names of the synthetic families: an application's own families of that name are not shown beside them. */
export const REPORT_NAMES: ReadonlySet<string> = new Set(METRICS.map(([name]) => name))

/**
 * The samples that Prometheus adds to each scrape of a target, for each target behind the massive one. Never timestamped, so that they are
 * of the scrape's own time and end with it.
 *
 * @returns how many samples they are
 * @see https://prometheus.io/docs/concepts/jobs_instances/#automatically-generated-labels-and-time-series
 */
export function* reportLines(reports: readonly Report[], chunk: Chunk): Generator<Buffer, number> {
  if (reports.length === 0) return 0
  for (const [name, help, of] of METRICS) {
    chunk.add(`\n# HELP ${name} ${help}\n# TYPE ${name} gauge`)
    let step = 0
    for (const report of reports) {
      chunk.add(`\n${name}${report.tail.closed}${numberText(of(report))}`)
      if (chunk.isFull) yield chunk.flush()
      else if (++step % 5000 === 0) yield PAUSE
    }
  }
  return reports.length * METRICS.length
}
