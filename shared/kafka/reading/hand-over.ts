import { inflate } from '../codecs.js'
import { Pacer } from '../timing.js'
import type { FetchedPartition } from '../wire/fetch.js'
import { readRecordSet } from '../wire/record-set.js'
import type { Feed } from './feed.js'
import type { ReaderSettings } from './options.js'

/** What a listener gets in one call. */
const SLICE = { records: 64, bytes: 64 * 1024 }
const YIELD_AFTER_MS = 5
const WARN_EVERY_MS = 60_000

/** Hands what was fetched to the listener, slice by slice, and leaves the event loop its turns between them. */
export class HandOver {
  readonly #settings: ReaderSettings
  readonly #isCurrent: (feed: Feed) => boolean
  readonly #pacer: Pacer
  readonly #warned = new Map<string, number>()
  #served = 0

  /** @param isCurrent whether a feed is still wanted: it may be lost while somebody else has the loop */
  constructor(settings: ReaderSettings, isCurrent: (feed: Feed) => boolean) {
    this.#settings = settings
    this.#isCurrent = isCurrent
    this.#pacer = new Pacer(YIELD_AFTER_MS, () => settings.clock.now().mono)
  }

  turn(): Promise<void> {
    return this.#pacer.turn()
  }

  /** @param mono when the answer came */
  async give(feed: Feed, fetched: FetchedPartition, mono: number): Promise<void> {
    const { partition } = feed
    feed.highWatermark = fetched.highWatermark
    if (fetched.records.length > 0) {
      // Its leader may change meanwhile: nobody else may fetch it until this is through.
      feed.busy = true
      try {
        await this.#records(feed, fetched.records)
      } finally {
        feed.busy = false
      }
    }
    if (!this.#isCurrent(feed)) return
    this.#settings.events.onFetched(partition, feed.position!, feed.highWatermark, mono)
  }

  async #records(feed: Feed, bytes: Buffer): Promise<void> {
    const { events, inflateLimit } = this.#settings
    const { partition, highWatermark } = feed
    const slices = readRecordSet(bytes, feed.position!, {
      inflate,
      inflateLimit,
      limits: SLICE,
      onUnreadable: (offset, records, error) => this.#warn(partition, offset, records, error),
    })
    for await (const { records, next } of slices) {
      if (!this.#isCurrent(feed)) return
      feed.position = next
      feed.served = ++this.#served
      if (records.length > 0) {
        const done = events.onRecords(partition, records, { next, highWatermark })
        if (done) await done
      }
      await this.#pacer.breathe()
    }
  }

  #warn(partition: number, offset: number, records: number, error: Error): void {
    const { topic, logger, clock } = this.#settings
    const { mono } = clock.now()
    const fields = { topic, partition, offset, records, error: error.message }
    const message = `${records} records of ${topic}/${partition} from offset ${offset} cannot be read: ${error.message}`
    // A topic full of them would otherwise be a log full of them.
    if (mono - (this.#warned.get(error.message) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) {
      logger.debug(message, fields)
      return
    }
    if (this.#warned.size > 100) this.#warned.clear()
    this.#warned.set(error.message, mono)
    logger.warn(message, fields)
  }
}
