import { KafkaError } from '../errors.js'
import type { Start } from '../start.js'
import type { Link } from '../wire/link.js'
import { EARLIEST, LATEST, listOffsets } from '../wire/offsets.js'
import type { FetchStart, FetchState } from './fetch-state.js'

export interface LocatedStart {
  /** First offset to fetch, and the high watermark requested before it. */
  readonly from: number
  readonly until: number
  /** Number of deleted records between a refused position and `from`. */
  readonly gap: number
  /** Whether this is a new start, not the continuation after a refused position. */
  readonly isNew: boolean
  /** Whether the log is not the one for which the start was chosen. */
  readonly replaced: boolean
}

/**
 * Resolves starts to offsets. The high watermark is requested first, so records appended between
 * the two requests lie beyond it and are read in any case.
 *
 * @param states whose start is known
 * @param replacement start in a replaced log, also detected by a log that ends before a position
 * @throws KafkaError if a request as a whole fails
 */
export async function locate(
  link: Link,
  topic: string,
  states: readonly FetchState[],
  replacement: Start,
  timeout: number,
): Promise<Map<FetchState, LocatedStart | KafkaError>> {
  const offsetsOf = (of: readonly FetchState[], timestamp: (state: FetchState) => number) =>
    of.length === 0
      ? new Map<number, number | KafkaError>()
      : listOffsets(
          link,
          topic,
          new Map(of.map(state => [state.partition, timestamp(state)])),
          timeout,
        )

  const ends = await offsetsOf(states, () => LATEST)
  const starts = await offsetsOf(states, state => timestampOf(state.start!))
  const located = new Map<FetchState, LocatedStart | KafkaError>()
  const replaced: FetchState[] = []
  for (const state of states) {
    const until = ends.get(state.partition)
    const offset = starts.get(state.partition)
    if (typeof until !== 'number' || typeof offset !== 'number') {
      located.set(
        state,
        until instanceof KafkaError
          ? until
          : offset instanceof KafkaError
            ? offset
            : missingFromResponse(topic, state),
      )
    } else if (state.start === 'replaced' || positionOf(state.start!) > until) {
      replaced.push(state)
    } else {
      located.set(state, locatedFrom(state.start!, offset, until))
    }
  }
  const restarts = await offsetsOf(replaced, () => timestampOf(replacement))
  for (const state of replaced) {
    const offset = restarts.get(state.partition)
    const until = ends.get(state.partition) as number
    located.set(
      state,
      typeof offset === 'number'
        ? { ...locatedFrom(replacement, offset, until), replaced: true }
        : (offset ?? missingFromResponse(topic, state)),
    )
  }
  return located
}

/** Offset of a start; −1 if it has none. */
function positionOf(start: FetchStart): number {
  if (typeof start !== 'object' || 'since' in start) return -1
  return 'refused' in start ? start.refused : start.offset
}

function timestampOf(start: FetchStart): number {
  if (start === 'latest') return LATEST
  return typeof start === 'object' && 'since' in start ? Math.max(0, start.since) : EARLIEST
}

/** @param offset result for `timestampOf(start)`; −1 if no record is that recent */
function locatedFrom(start: FetchStart, offset: number, until: number): LocatedStart {
  if (typeof start === 'object' && 'refused' in start) {
    const from = Math.max(start.refused, offset)
    return {
      from,
      until: Math.max(from, until),
      gap: from - start.refused,
      isNew: false,
      replaced: false,
    }
  }
  if (typeof start === 'object' && 'offset' in start) {
    const from = Math.max(start.offset, offset)
    return { from, until: Math.max(from, until), gap: 0, isNew: true, replaced: false }
  }
  // At most the watermark: the first record that is recent enough may have been appended after the
  // watermark was requested.
  const from = offset < 0 ? until : Math.min(offset, until)
  return { from, until, gap: 0, isNew: true, replaced: false }
}

const missingFromResponse = (topic: string, state: FetchState) =>
  new KafkaError(
    'UNKNOWN',
    `the response of the broker lacks partition ${state.partition} of topic ${topic}`,
  )
