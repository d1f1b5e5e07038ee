import type { Instant } from '../../../shared/base/clock.js'
import { Chunk } from '../../../shared/exposition/chunks.js'
import { exemplarTexts } from '../../../shared/exposition/exemplar-text.js'
import { familyLines } from '../../../shared/exposition/family-lines.js'
import type { Format } from '../../../shared/exposition/format.js'
import { NO_LABELS, seriesLines, splitRange } from '../../../shared/exposition/series-lines.js'
import { numberText } from '../../../shared/metrics/number-text.js'
import type { Snapshot } from '../store/snapshot.js'

export interface TargetView {
  /** With the collection time of the snapshot at every sample; only on demand, because it costs staleness handling. */
  readonly timestamps?: boolean
}

/**
 * One virtual target, as if Prometheus scraped the app itself: only its series, without its identifying labels, and the age
 * of what is shown. A chunk is valid until the next is asked for. Who sends it has acquired the snapshot, so that a scrape
 * never mixes two.
 *
 * @param snapshot decoded, as `Shard.played` gives it
 * @returns how many samples it has
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
    if (openMetrics) chunk.add('\n# EOF')
    yield chunk.finish()!
    return snapshot.series + 1
  } finally {
    chunk.release()
  }
}

/** Milliseconds in text, seconds in OpenMetrics. */
export function timestampText(ms: number, openMetrics: boolean): string {
  return numberText(openMetrics ? ms / 1000 : ms)
}

const ageLines = (seconds: number) =>
  '\n# HELP exposer_target_snapshot_age_seconds Seconds since what is shown was collected by the app.' +
  '\n# TYPE exposer_target_snapshot_age_seconds gauge' +
  `\nexposer_target_snapshot_age_seconds ${numberText(seconds)}`
