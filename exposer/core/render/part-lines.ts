import { exemplarTexts } from '../../../shared/exposition/exemplar-text.js'
import type { LayoutText } from '../../../shared/exposition/layout-text.js'
import {
  type LabelTail,
  NO_LABELS,
  type SampleTimes,
  type SeriesRange,
  seriesLines,
} from '../../../shared/exposition/series-lines.js'
import type { Exemplar } from '../../../shared/metrics/model.js'
import type { SnapshotPart } from '../store/snapshot.js'
import { TextVariant } from '../store/text-variant.js'

/** A part of a snapshot and how its series are written. */
export interface ShownPart {
  readonly part: SnapshotPart
  readonly text: LayoutText | TextVariant
  /** Labels of its target. */
  tail(): LabelTail
  /** Null: without timestamps. */
  readonly times: SampleTimes | null
  /** Whether exemplars are written. */
  readonly exemplars: boolean
}

/**
 * The samples of some series of a part. Texts of exemplars and of renamed labels are made for these
 * series only, because those of a whole scrape would take as much memory as its snapshots.
 *
 * @param tail of the part
 * @param range series of one family, a few hundred at most
 */
export function partLines(shown: ShownPart, tail: LabelTail, range: SeriesRange): string {
  const { part, text, times } = shown
  const exemplars = shown.exemplars ? exemplarTexts(within(part.exemplars, range)) : null
  if (!(text instanceof TextVariant))
    return seriesLines(part.values!, text, range, tail, times, exemplars)
  let lines = ''
  for (const piece of text.pieces(range))
    lines += seriesLines(part.values!, piece.text, piece, tail, times, exemplars)
  return lines
}

/** Whether the text of the series is made when they are written, so that a piece is a step. */
export const isRewritten = ({ text }: ShownPart): boolean => text instanceof TextVariant

/** Characters of target labels that are written at once. */
const PIECE_LABELS = 256 * 1024
/** Exemplars with as many labels as allowed that are written at once. */
const PIECE_EXEMPLARS = 100

/** Number of series that are written at once. */
export function seriesPerPiece(
  { part, exemplars }: ShownPart,
  { closed }: LabelTail = NO_LABELS,
): number {
  const most = exemplars && part.exemplars?.length ? PIECE_EXEMPLARS : Number.POSITIVE_INFINITY
  return Math.min(most, Math.ceil(PIECE_LABELS / closed.length))
}

/** The exemplars of a range; the store keeps them in the order of their series. */
function within(
  exemplars: readonly Exemplar[] | null,
  { from, to }: SeriesRange,
): readonly Exemplar[] | null {
  if (!exemplars) return null
  const first = firstAt(exemplars, from)
  const end = firstAt(exemplars, to)
  // Of several exemplars of a series, the last one is written.
  return first === end
    ? null
    : exemplars.slice(first, end).filter(({ series }, i, all) => all[i + 1]?.series !== series)
}

/** Index of the first exemplar of a series not below `series`. */
function firstAt(exemplars: readonly Exemplar[], series: number): number {
  let low = 0
  let high = exemplars.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (exemplars[middle].series < series) low = middle + 1
    else high = middle
  }
  return low
}
