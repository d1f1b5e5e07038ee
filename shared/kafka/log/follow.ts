import type { Clock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import type { KafkaError } from '../errors.js'
import { FetchState } from '../reading/fetch-state.js'
import { Reader } from '../reading/reader.js'
import type { LogRecord } from '../types.js'
import type { Cluster } from '../wire/cluster.js'

/** Callbacks of a followed log. They must not throw, and returned promises must not reject. */
export interface LogListener {
  /**
   * Records in offset order. Offsets without a record are those of control records. If it returns a
   * promise, the next fetch waits for it.
   */
  onRecords(records: readonly LogRecord[], next: number): void | Promise<void>
  /** A response was delivered, possibly without records. @param mono its arrival, monotonic ms */
  onFetched?(next: number, highWatermark: number, mono: number): void
  /**
   * The log does not continue at the position: it begins after it, ends before it, or the topic was
   * created again. Nothing more is delivered.
   */
  onLost(reason: string): void
  /** A fetch failed. It is retried. */
  onError(error: KafkaError): void
}

export interface FollowOptions {
  readonly cluster: Cluster
  /** A topic with one partition. */
  readonly topic: string
  readonly clock: Clock
  readonly logger: Logger
}

const PARTITION = 0
/** One batch may exceed them. */
const FETCH = { maxBytes: 4 * 1024 * 1024, maxBytesPerPartition: 4 * 1024 * 1024 }

/**
 * Reads the log of a topic with one partition from an offset on, with a fetch that always waits for
 * new records. No record is skipped silently.
 *
 * @returns a function that ends it; after it, nothing is delivered
 */
export function followLog(
  { cluster, topic, clock, logger }: FollowOptions,
  from: number,
  listener: LogListener,
): () => Promise<void> {
  let over = false
  const lose = (reason: string) => {
    if (over) return
    over = true
    listener.onLost(reason)
  }
  const reader = new Reader({
    cluster,
    topic,
    clock,
    logger,
    ...FETCH,
    linger: 0,
    afterReplacement: () => 'earliest',
    events: {
      onStart: (_partition, found, until, replaced) => {
        if (replaced)
          lose(
            `topic ${topic} was created again, or its log ends at offset ${until}, before offset ${from}`,
          )
        else if (found !== from)
          lose(`the log of topic ${topic} begins at offset ${found}, after offset ${from}`)
      },
      onTruncated: (_partition, position, begin) =>
        lose(`the log of topic ${topic} begins at offset ${begin}, after offset ${position}`),
      onRecords: (_partition, records, { next }) =>
        over ? undefined : listener.onRecords(records, next),
      onFetched: (_partition, next, highWatermark, mono) => {
        if (!over) listener.onFetched?.(next, highWatermark, mono)
      },
      onError: error => {
        if (!over) listener.onError(error)
      },
      onPartitionCount() {},
    },
  })
  reader.read(new Map([[PARTITION, new FetchState(PARTITION, { offset: from })]]))
  reader.start()
  return () => {
    over = true
    return reader.stop()
  }
}

/** The log no longer has what was to be read. */
export class LogLost extends Error {
  override readonly name = 'LogLost'
}

/**
 * Reads a part of the log once. Failed fetches are retried until the signal is aborted.
 *
 * @param until offset at which it ends, exclusive
 * @throws LogLost if the part does not exist as a whole
 */
export async function readLog(
  options: FollowOptions,
  { from, until }: { readonly from: number; readonly until: number },
  onRecords: (records: readonly LogRecord[]) => void | Promise<void>,
  { signal, onError }: { readonly signal: AbortSignal; onError(error: KafkaError): void },
): Promise<void> {
  if (from >= until) return
  let stop: () => Promise<void> = async () => {}
  let abort = () => {}
  try {
    await new Promise<void>((resolve, reject) => {
      abort = () => reject(signal.reason)
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort)
      const endAt = (next: number) => {
        if (next >= until) resolve()
      }
      stop = followLog(options, from, {
        onRecords: async (records, next) => {
          try {
            await onRecords(next > until ? records.filter(r => r.offset < until) : records)
            endAt(next)
          } catch (error) {
            reject(error)
          }
        },
        onFetched: endAt,
        onLost: reason => reject(new LogLost(reason)),
        onError,
      })
    })
  } finally {
    signal.removeEventListener('abort', abort)
    // A listener that waits for this read must not wait for itself.
    void stop()
  }
}
