import { KafkaError } from '../errors.js'
import type { Start } from '../start.js'
import type { Link } from '../wire/link.js'
import { EARLIEST, LATEST, listOffsets } from '../wire/offsets.js'
import type { FetchStart, FetchState } from './fetch-state.js'

export interface LocatedStart {
  /** Where to read from, and the high watermark seen before that was offset. */
  readonly from: number
  readonly until: number
  /** How many records the log lost between where we were and `from`, after a refused position. */
  readonly gap: number
  /** A new beginning, not the continuation of what was read. */
  readonly isNew: boolean
  /** The log is another one than that in which the start lay. */
  readonly replaced: boolean
}

/**
 * Turns the starts of states into offsets. The watermark is offset for first: what is appended meanwhile then lies behind it
 * and is read, whichever answer the second question gets.
 *
 * @param states whose start is known
 * @param replacement where to begin in a log that is another one; so is a log that ends before a position
 * @throws KafkaError when a request as a delay fails
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
      : listOffsets(link, topic, new Map(of.map(state => [state.partition, timestamp(state)])), timeout)

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

/** The offset that a start names; −1 when it names none. */
function positionOf(start: FetchStart): number {
  if (typeof start !== 'object' || 'since' in start) return -1
  return 'refused' in start ? start.refused : start.offset
}

function timestampOf(start: FetchStart): number {
  if (start === 'latest') return LATEST
  return typeof start === 'object' && 'since' in start ? Math.max(0, start.since) : EARLIEST
}

/** @param offset the answer to `timestampOf(start)`, −1 when nothing is that young */
function locatedFrom(start: FetchStart, offset: number, until: number): LocatedStart {
  if (typeof start === 'object' && 'refused' in start) {
    const from = Math.max(start.refused, offset)
    return { from, until: Math.max(from, until), gap: from - start.refused, isNew: false, replaced: false }
  }
  if (typeof start === 'object' && 'offset' in start) {
    const from = Math.max(start.offset, offset)
    return { from, until: Math.max(from, until), gap: 0, isNew: true, replaced: false }
  }
  // Not beyond the watermark: the first record that is young enough may have been appended since that was offset for.
  const from = offset < 0 ? until : Math.min(offset, until)
  return { from, until, gap: 0, isNew: true, replaced: false }
}

const missingFromResponse = (topic: string, state: FetchState) =>
  new KafkaError('UNKNOWN', `the broker says nothing of partition ${state.partition} of topic ${topic}`)
