import type { Instant } from '../../../shared/base/clock.js'
import { Chunk } from '../../../shared/exposition/chunks.js'
import { exemplarTexts } from '../../../shared/exposition/exemplar-text.js'
import { familyLines } from '../../../shared/exposition/family-lines.js'
import type { Format } from '../../../shared/exposition/format.js'
import { NO_LABELS, seriesLines, splitRange } from '../../../shared/exposition/series-lines.js'
import { numberText } from '../../../shared/metrics/number-text.js'
import type { Snapshot } from '../store/snapshot.js'

export interface TargetView {
  /**
   * Adds the collection time to each sample. Prometheus has no staleness handling for such samples.
   */
  readonly timestamps?: boolean
  /** Number of runs that publish with the labels of the target at the same time. */
  readonly runs?: number
}

/**
 * Renders a virtual target as if Prometheus scraped the application directly: its series without
 * the target's labels, and the age of the snapshot. A chunk is valid until the next one is
 * requested.
 *
 * @param snapshot decoded, from `Shard.played`, and acquired by the caller
 * @returns the number of samples
 */
export function* renderTarget(
  snapshot: Snapshot,
  format: Format,
  now: Instant,
  view: TargetView = {},
): Generator<Buffer, number> {
  const chunk = new Chunk()
  try {
    const openMetrics = format.name === 'openmetrics-1.0.0'
    const end = view.timestamps ? ` ${timestampText(snapshot.collectedAt, openMetrics)}` : ''
    for (const part of snapshot.parts) {
      const text = part.layout.text(format.escaping)
      const exemplars = openMetrics ? exemplarTexts(part.exemplars) : null
      for (const family of part.layout.families) {
        chunk.add(familyLines(family, format))
        for (const piece of splitRange(family)) {
          chunk.add(seriesLines(part.values!, text, piece, NO_LABELS, end, exemplars))
          if (chunk.isFull) yield chunk.flush()
        }
      }
    }
    chunk.add(ageLines(Math.max(0, now.wall - snapshot.collectedAt) / 1000))
    const { runs = 1 } = view
    if (runs > 1) chunk.add(runsLines(runs))
    if (openMetrics) chunk.add('\n# EOF')
    yield chunk.finish()!
    return snapshot.series + (runs > 1 ? 2 : 1)
  } finally {
    chunk.release()
  }
}

/** A timestamp: milliseconds in the text format, seconds in OpenMetrics. */
export function timestampText(ms: number, openMetrics: boolean): string {
  return numberText(openMetrics ? ms / 1000 : ms)
}

const ageLines = (seconds: number) =>
  '\n# HELP exposer_target_snapshot_age_seconds Time since the collection of the exposed snapshot.' +
  '\n# TYPE exposer_target_snapshot_age_seconds gauge' +
  `\nexposer_target_snapshot_age_seconds ${numberText(seconds)}`

/** Exposed during an overlap only, so that it costs no series otherwise. */
const runsLines = (runs: number) =>
  '\n# HELP exposer_target_runs Number of runs that publish with the labels of this target; only the newest is exposed.' +
  '\n# TYPE exposer_target_runs gauge' +
  `\nexposer_target_runs ${runs}`
