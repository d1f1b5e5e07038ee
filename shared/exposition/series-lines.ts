import { numberText } from '../metrics/number-text.js'
import { BLOCK, type LayoutText, type SeriesText } from './layout-text.js'

/** Indexes of the series of a family or of a part of it: `from` inclusive, `to` exclusive. */
export interface SeriesRange {
  readonly from: number
  readonly to: number
}

/** Further labels and the closing brace, for series with an open brace and for those without. */
export interface LabelTail {
  readonly open: string
  readonly closed: string
}

/** Timestamps of samples: one for all, or one for each. */
export interface SampleTimes {
  /** Unix ms by series. */
  readonly own: Float64Array | null
  /** Unix ms of samples without one of their own. */
  readonly common: number
  /** The value in `own` of samples without one of their own. */
  readonly missing?: number
  readonly openMetrics: boolean
  /** 1 for each series that is not exposed. */
  readonly omitted?: Uint8Array | undefined
}

/** A timestamp: milliseconds in the text format, seconds in OpenMetrics. */
function timestampText(ms: number, openMetrics: boolean): string {
  return ` ${numberText(openMetrics ? ms / 1000 : ms)}`
}

export const NO_LABELS: LabelTail = { open: '} ', closed: ' ' }

/**
 * The samples of a family, each after a line feed, as latin1 text. This loop dominates the cost of
 * a scrape.
 *
 * @param times null: without timestamps
 */
export function seriesLines(
  values: Float64Array,
  text: SeriesText,
  family: SeriesRange,
  tail: LabelTail,
  times: SampleTimes | null,
  exemplars: ReadonlyMap<number, string> | null,
): string {
  const { start, offsets, open, blocks } = text
  const end = times === null ? '' : timestampText(times.common, times.openMetrics)
  const own = times?.own ?? null
  const missing = times?.missing
  const omitted = times?.omitted
  let lines = ''
  for (let i = family.from; i < family.to; ) {
    const first = i - (i % BLOCK)
    const texts = blocks[(first - start) / BLOCK]
    const base = offsets[first - start]
    let from = offsets[i - start] - base
    const last = Math.min(family.to, first + BLOCK)
    for (; i < last; i++) {
      const to = offsets[i + 1 - start] - base
      if (omitted !== undefined && omitted[i] === 1) {
        from = to
        continue
      }
      lines +=
        texts.slice(from, to) +
        (open[i - start] === 1 ? tail.open : tail.closed) +
        numberText(values[i])
      from = to
      if (own !== null && own[i] !== missing) lines += timestampText(own[i], times!.openMetrics)
      else if (end !== '') lines += end
      if (exemplars !== null) lines += exemplars.get(i) ?? ''
    }
  }
  return lines
}

/** Maximum number of series of a range, and of characters unless it is a single series. */
const MAX_RANGE = 500
const MAX_RANGE_TEXT = 128 * 1024

/**
 * Splits a long family, so that a chunk does not wait for all of it.
 *
 * @param most series of a range, if their labels are long
 */
export function splitRange(
  family: SeriesRange,
  text: LayoutText,
  most = MAX_RANGE,
): readonly SeriesRange[] {
  const { from, to } = family
  const length = Math.min(most, MAX_RANGE)
  if (to - from <= length && !text.hasLongBlocks) return [family]
  const { offsets } = text
  const parts: SeriesRange[] = []
  for (let start = from; start < to; ) {
    let end = Math.min(to, start + length)
    while (end > start + 1 && offsets[end] - offsets[start] > MAX_RANGE_TEXT)
      end = start + ((end - start) >> 1)
    parts.push({ from: start, to: end })
    start = end
  }
  return parts
}
