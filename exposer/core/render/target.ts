import type { Instant } from '../../../shared/base/clock.js'
import type { Steps } from '../../../shared/base/steps.js'
import { Chunk, PAUSE } from '../../../shared/exposition/chunks.js'
import { familyLines } from '../../../shared/exposition/family-lines.js'
import type { Format } from '../../../shared/exposition/format.js'
import { NO_LABELS, splitRange } from '../../../shared/exposition/series-lines.js'
import { numberText } from '../../../shared/metrics/number-text.js'
import type { CompiledFamily } from '../store/compiled-layout.js'
import type { Snapshot } from '../store/snapshot.js'
import { writingOf } from '../store/written-names.js'
import { AGE, omittedFamilies, RUNS } from './omitted-families.js'
import { isRewritten, partLines, seriesPerPiece } from './part-lines.js'
import { type Timestamps, timesOf } from './timestamps.js'

export interface TargetView {
  readonly timestamps?: Timestamps
  /** Number of runs that publish with the labels of the target at the same time. */
  readonly runs?: number
}

/** Families between two pauses, if their series do not fill a chunk. */
export const FAMILIES_PER_PAUSE = 500

/** What is needed to render a snapshot. */
export interface ReadyTarget {
  readonly omitted: ReadonlySet<CompiledFamily>
}

/** Prepares the rendering of a snapshot, which the caller has acquired. */
export function* prepareTarget(snapshot: Snapshot, format: Format): Steps<ReadyTarget> {
  return { omitted: yield* omittedFamilies(snapshot, writingOf(format)) }
}

/**
 * Renders a virtual target as if Prometheus scraped the application directly: its series without
 * the target's labels, and the age of the snapshot. A chunk is valid until the next one is
 * requested. Empty chunks are pauses.
 *
 * @param snapshot decoded, from `Shard.played`, and acquired by the caller
 * @param ready from `prepareTarget` for the same format
 * @returns the number of samples
 */
export function* renderTarget(
  snapshot: Snapshot,
  { omitted }: ReadyTarget,
  format: Format,
  now: Instant,
  view: TargetView = {},
): Generator<Buffer, number> {
  const chunk = new Chunk()
  try {
    const openMetrics = format.name === 'openmetrics-1.0.0'
    const { runs = 1, timestamps = 'none' } = view
    let samples = runs > 1 ? 2 : 1
    let families = 0
    for (const part of snapshot.parts) {
      const { layout } = part
      const text = layout.text(format.escaping)
      const times = timesOf(timestamps, snapshot, part, openMetrics)
      const shown = { part, text, tail: () => NO_LABELS, times, exemplars: openMetrics }
      const rewritten = isRewritten(shown)
      for (const family of layout.families) {
        if (omitted.has(family)) continue
        samples += family.to - family.from
        chunk.add(familyLines(family, format))
        if (chunk.isFull) yield chunk.flush()
        else if (++families % FAMILIES_PER_PAUSE === 0) yield PAUSE
        for (const piece of splitRange(family, layout.plain, seriesPerPiece(shown))) {
          chunk.add(partLines(shown, NO_LABELS, piece))
          if (chunk.isFull) yield chunk.flush()
          else if (rewritten) yield PAUSE
        }
      }
    }
    // As `up`, these describe the scrape, and have its time.
    chunk.add(ageLines(Math.max(0, now.wall - snapshot.collectedAt) / 1000))
    if (runs > 1) chunk.add(runsLines(runs))
    if (openMetrics) chunk.add('\n# EOF')
    yield chunk.finish()!
    return samples
  } finally {
    chunk.release()
  }
}

const ageLines = (seconds: number) =>
  `\n# HELP ${AGE} Time since the collection of the exposed snapshot.` +
  `\n# TYPE ${AGE} gauge` +
  `\n${AGE} ${numberText(seconds)}`

/** Exposed during an overlap only, so that it costs no series otherwise. */
const runsLines = (runs: number) =>
  `\n# HELP ${RUNS} Number of runs that publish with the labels of this target; only the newest is exposed.` +
  `\n# TYPE ${RUNS} gauge` +
  `\n${RUNS} ${runs}`
