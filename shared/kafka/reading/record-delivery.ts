import { inflate } from '../codecs.js'
import { Pacer } from '../timing.js'
import type { FetchedPartition } from '../wire/fetch.js'
import { readRecordSet } from '../wire/record-set.js'
import type { FetchState } from './fetch-state.js'
import type { ReaderSettings } from './options.js'

/** Maximum size of one call of the listener. */
const SLICE = { records: 64, bytes: 64 * 1024 }
const YIELD_AFTER_MS = 5
const WARN_EVERY_MS = 60_000

/** Delivers fetched records to the listener in slices, and yields the event loop between them. */
export class RecordDelivery {
  readonly #settings: ReaderSettings
  readonly #isCurrent: (state: FetchState) => boolean
  readonly #pacer: Pacer
  readonly #warned = new Map<string, number>()
  #deliveries = 0

  /**
   * @param isCurrent whether the partition is still assigned: it can be lost while this code yields
   */
  constructor(settings: ReaderSettings, isCurrent: (state: FetchState) => boolean) {
    this.#settings = settings
    this.#isCurrent = isCurrent
    this.#pacer = new Pacer(YIELD_AFTER_MS, () => settings.clock.now().mono)
  }

  yieldNow(): Promise<void> {
    return this.#pacer.yieldNow()
  }

  /** @param mono when the response arrived, monotonic ms */
  async deliver(state: FetchState, fetched: FetchedPartition, mono: number): Promise<void> {
    const { partition } = state
    state.highWatermark = fetched.highWatermark
    if (fetched.records.length > 0) {
      // If the leader changes meanwhile, the new one must not be fetched from before this is
      // finished.
      state.delivering = true
      try {
        await this.#records(state, fetched.records)
      } finally {
        state.delivering = false
      }
    }
    if (!this.#isCurrent(state)) return
    this.#settings.events.onFetched(partition, state.position!, state.highWatermark, mono)
  }

  async #records(state: FetchState, bytes: Buffer): Promise<void> {
    const { events, inflateLimit } = this.#settings
    const { partition, highWatermark } = state
    const slices = readRecordSet(bytes, state.position!, {
      inflate,
      inflateLimit,
      limits: SLICE,
      onUnreadable: (offset, records, error) => this.#warn(partition, offset, records, error),
    })
    for await (const { records, next } of slices) {
      if (!this.#isCurrent(state)) return
      state.position = next
      state.lastDelivery = ++this.#deliveries
      if (records.length > 0) {
        const done = events.onRecords(partition, records, { next, highWatermark })
        if (done) await done
      }
      await this.#pacer.yieldIfDue()
    }
  }

  #warn(partition: number, offset: number, records: number, error: Error): void {
    const { topic, logger, clock } = this.#settings
    const { mono } = clock.now()
    const fields = { topic, partition, offset, records, error: error.message }
    const message = `cannot read ${records} records of ${topic}/${partition} from offset ${offset}: ${error.message}`
    // A topic full of such batches must not flood the log.
    if (mono - (this.#warned.get(error.message) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) {
      logger.debug(message, fields)
      return
    }
    if (this.#warned.size > 100) this.#warned.clear()
    this.#warned.set(error.message, mono)
    logger.warn(message, fields)
  }
}
