import type { LogEnds } from '../../../../shared/kafka/log/ends.js'
import type { FrozenHeader } from './chunk.js'

/** A record of the log, as far as it identifies it. */
export interface RecordMark {
  /** Append time, Unix ms. */
  readonly time: number
  readonly id: Buffer
}

/** The state of an empty log. */
export const NOTHING: FrozenHeader = { offset: 0, time: 0, last: null }

/** Offset of the record that identifies the log; undefined if the log does not have it. */
export function markOffset({ offset, last }: FrozenHeader, { begin, end }: LogEnds) {
  return last && begin < offset && offset <= end ? offset - 1 : undefined
}

/**
 * Why the log does not continue a state; undefined if it does. Pure.
 *
 * @param before the record before the offset of the state, if the log has it
 */
export function gapBetween(
  { offset, last }: FrozenHeader,
  { begin, end }: LogEnds,
  before: RecordMark | undefined,
): string | undefined {
  const state = offset === 0 ? 'there is no snapshot' : `the newest snapshot is of offset ${offset}`
  if (begin > offset) return `${state}, but the log begins at offset ${begin}`
  if (end < offset) return `${state}, but the log ends at offset ${end}`
  if (!last || !before) return undefined
  if (before.time === last.time && before.id.equals(last.id)) return undefined
  return `${state}, but the log has another record before it`
}
