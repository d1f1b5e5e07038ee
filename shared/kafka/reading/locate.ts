import { KafkaError } from '../errors.js'
import type { Start } from '../start.js'
import type { Link } from '../wire/link.js'
import { EARLIEST, LATEST, listOffsets } from '../wire/offsets.js'
import type { Feed, FeedStart } from './feed.js'

export interface Located {
  /** Where to read from, and the high watermark seen before that was asked. */
  readonly from: number
  readonly until: number
  /** How many records the log lost between where we were and `from`, after a refused position. */
  readonly gap: number
  /** A new beginning, not the continuation of what was read. */
  readonly anew: boolean
  /** The log is another one than that in which the start lay. */
  readonly replaced: boolean
}

/**
 * Turns the starts of feeds into offsets. The watermark is asked for first: what is appended meanwhile then lies behind it
 * and is read, whichever answer the second question gets.
 *
 * @param feeds whose start is known
 * @param replacement where to begin in a log that is another one; so is a log that ends before a position
 * @throws KafkaError when a request as a whole fails
 */
export async function locate(
  link: Link,
  topic: string,
  feeds: readonly Feed[],
  replacement: Start,
  timeout: number,
): Promise<Map<Feed, Located | KafkaError>> {
  const ask = (of: readonly Feed[], timestamp: (feed: Feed) => number) =>
    of.length === 0
      ? new Map<number, number | KafkaError>()
      : listOffsets(link, topic, new Map(of.map(feed => [feed.partition, timestamp(feed)])), timeout)

  const ends = await ask(feeds, () => LATEST)
  const begins = await ask(feeds, feed => timestampOf(feed.start!))
  const located = new Map<Feed, Located | KafkaError>()
  const replaced: Feed[] = []
  for (const feed of feeds) {
    const until = ends.get(feed.partition)
    const asked = begins.get(feed.partition)
    if (typeof until !== 'number' || typeof asked !== 'number') {
      located.set(
        feed,
        until instanceof KafkaError ? until : asked instanceof KafkaError ? asked : missing(topic, feed),
      )
    } else if (feed.start === 'replaced' || positionOf(feed.start!) > until) {
      replaced.push(feed)
    } else {
      located.set(feed, place(feed.start!, asked, until))
    }
  }
  const again = await ask(replaced, () => timestampOf(replacement))
  for (const feed of replaced) {
    const asked = again.get(feed.partition)
    const until = ends.get(feed.partition) as number
    located.set(
      feed,
      typeof asked === 'number'
        ? { ...place(replacement, asked, until), replaced: true }
        : (asked ?? missing(topic, feed)),
    )
  }
  return located
}

/** The offset that a start names; −1 when it names none. */
function positionOf(start: FeedStart): number {
  if (typeof start !== 'object' || 'since' in start) return -1
  return 'refused' in start ? start.refused : start.offset
}

function timestampOf(start: FeedStart): number {
  if (start === 'latest') return LATEST
  return typeof start === 'object' && 'since' in start ? Math.max(0, start.since) : EARLIEST
}

/** @param asked the answer to `timestampOf(start)`, −1 when nothing is that young */
function place(start: FeedStart, asked: number, until: number): Located {
  if (typeof start === 'object' && 'refused' in start) {
    const from = Math.max(start.refused, asked)
    return { from, until: Math.max(from, until), gap: from - start.refused, anew: false, replaced: false }
  }
  if (typeof start === 'object' && 'offset' in start) {
    const from = Math.max(start.offset, asked)
    return { from, until: Math.max(from, until), gap: 0, anew: true, replaced: false }
  }
  // Not beyond the watermark: the first record that is young enough may have been appended since that was asked for.
  const from = asked < 0 ? until : Math.min(asked, until)
  return { from, until, gap: 0, anew: true, replaced: false }
}

const missing = (topic: string, feed: Feed) =>
  new KafkaError('UNKNOWN', `the broker says nothing of partition ${feed.partition} of topic ${topic}`)
