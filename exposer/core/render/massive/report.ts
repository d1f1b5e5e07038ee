import type { Chunk } from '../../../../shared/exposition/chunks.js'
import { PAUSE } from '../../../../shared/exposition/chunks.js'
import type { LabelTail } from '../../../../shared/exposition/series-lines.js'
import { numberText } from '../../../../shared/metrics/number-text.js'

/** The values that Prometheus would report for a direct scrape of the application. */
export interface Report {
  /** Text of the labels of its target. */
  tail(): LabelTail
  readonly up: boolean
  /** Duration of the application's collection in seconds; 0 when it is down. */
  readonly duration: number
  readonly samples: number
  /** Series that were not exposed to this scraper before. */
  readonly added: number
}

type Of = (report: Report) => number

const METRICS: readonly (readonly [name: string, help: string, of: Of])[] = [
  ['up', 'Whether the target is up.', report => (report.up ? 1 : 0)],
  [
    'scrape_duration_seconds',
    'Duration of the collection of the newest snapshot.',
    report => report.duration,
  ],
  ['scrape_samples_scraped', 'Number of samples in the newest snapshot.', report => report.samples],
  [
    'scrape_samples_post_metric_relabeling',
    'Number of samples in the newest snapshot, which is not relabeled.',
    report => report.samples,
  ],
  ['scrape_series_added', 'Number of series that are new to this scraper.', report => report.added],
]

/**
 * Names of the report families, reserved: families of applications with these names are omitted.
 */
export const REPORT_NAMES: ReadonlySet<string> = new Set(METRICS.map(([name]) => name))

/**
 * Renders, for each target, the series that Prometheus adds to a scrape. They have no timestamps:
 * like those of Prometheus they have the time of the scrape, and become stale with it.
 *
 * @returns the number of samples
 * @see https://prometheus.io/docs/concepts/jobs_instances/#automatically-generated-labels-and-time-series
 */
export function* reportLines(reports: readonly Report[], chunk: Chunk): Generator<Buffer, number> {
  if (reports.length === 0) return 0
  for (const [name, help, of] of METRICS) {
    chunk.add(`\n# HELP ${name} ${help}\n# TYPE ${name} gauge`)
    let step = 0
    for (const report of reports) {
      chunk.add(`\n${name}${report.tail().closed}${numberText(of(report))}`)
      if (chunk.isFull) yield chunk.flush()
      else if (++step % 5000 === 0) yield PAUSE
    }
  }
  return reports.length * METRICS.length
}
