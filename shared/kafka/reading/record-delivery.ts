import { RepeatedWarnings } from '../../base/repeated-warnings.js'
import { Slice } from '../../base/scheduling.js'
import { inflate } from '../codecs.js'
import type { FetchedPartition } from '../wire/fetch.js'
import { readRecordSet } from '../wire/record-set.js'
import type { FetchState } from './fetch-state.js'
import type { ReaderSettings } from './options.js'

/** Maximum size of one call of the listener. */
const SLICE = { records: 64, bytes: 64 * 1024 }

/** Delivers fetched records to the listener in slices, and yields the event loop between them. */
export class RecordDelivery {
  readonly #settings: ReaderSettings
  readonly #isCurrent: (state: FetchState) => boolean
  /** Shared by all partitions. */
  readonly #slice: Slice
  /** A topic full of unreadable batches must not flood the log. */
  readonly #warnings: RepeatedWarnings
  #deliveries = 0

  /**
   * @param isCurrent whether the partition is still assigned: it can be lost while this code yields
   */
  constructor(settings: ReaderSettings, isCurrent: (state: FetchState) => boolean) {
    this.#settings = settings
    this.#isCurrent = isCurrent
    const { clock, logger } = settings
    this.#slice = new Slice(undefined, () => clock.now().mono)
    this.#warnings = new RepeatedWarnings(logger, clock)
  }

  yieldNow(): Promise<void> {
    return this.#slice.next()
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
      if (this.#slice.isOver()) await this.#slice.next()
    }
  }

  #warn(partition: number, offset: number, records: number, error: Error): void {
    const { topic } = this.#settings
    this.#warnings.warn(
      error.message,
      `cannot read ${records} records of ${topic}/${partition} from offset ${offset}: ${error.message}`,
      { topic, partition, offset, records, error: error.message },
    )
  }
}
