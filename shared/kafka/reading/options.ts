import type { Clock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import { INFLATE_LIMIT } from '../codecs.js'
import type { KafkaError } from '../errors.js'
import type { Start } from '../start.js'
import type { LogRecord } from '../types.js'
import type { Cluster } from '../wire/cluster.js'

/** Callbacks of a reader. They must not throw: wrap foreign ones with `guardListener`. */
export interface ReaderEvents {
  /** @param replaced whether the topic was deleted and created again, so that offsets start anew */
  onStart(partition: number, from: number, until: number, replaced: boolean): void
  /** Records that were not read have been deleted. @param from where reading continues */
  onTruncated?(partition: number, position: number, from: number): void
  onRecords(
    partition: number,
    records: readonly LogRecord[],
    position: { readonly next: number; readonly highWatermark: number },
  ): void | Promise<void>
  onFetched(partition: number, next: number, highWatermark: number, mono: number): void
  onError(error: KafkaError, partitions: readonly number[]): void
  /** Called after each metadata request with the number of partitions of the topic. */
  onPartitionCount(count: number): void
}

type Starts = (partitions: readonly number[]) => Promise<ReadonlyMap<number, Start>>

/** Options of a reader. All numbers have defaults. */
export interface ReaderOptions {
  readonly cluster: Cluster
  readonly topic: string
  readonly clock: Clock
  readonly logger: Logger
  readonly events: ReaderEvents
  /** Maximum bytes of a response and of one partition in it. */
  readonly maxBytes?: number
  readonly maxBytesPerPartition?: number
  /** Milliseconds that a broker may wait for new records before it responds. */
  readonly maxWait?: number
  /**
   * Milliseconds between two fetches if the first returned little. Records of many targets arrive
   * one by one all the time: a fetch for each would cost ten times as much as reading them.
   */
  readonly linger?: number
  /** Milliseconds between metadata requests. */
  readonly metadataMaxAge?: number
  /** Maximum size of a decompressed batch, bytes. */
  readonly inflateLimit?: number
  /**
   * Start positions of partitions that have none. Called again after a rejection.
   *
   * @throws KafkaError
   */
  readonly starts?: Starts
  /** Start position after the topic was deleted and created again. Default: the end of the log. */
  readonly afterReplacement?: () => Start
}

/**
 * 512 KiB of records are decoded and applied within a few turns of the event loop. A response has
 * room for four partitions.
 */
const DEFAULTS = {
  maxBytes: 2 * 1024 * 1024,
  maxBytesPerPartition: 512 * 1024,
  maxWait: 500,
  linger: 50,
  metadataMaxAge: 30_000,
  inflateLimit: INFLATE_LIMIT,
  starts: (async () => new Map()) satisfies Starts as Starts,
  afterReplacement: (): Start => 'latest',
}

export type ReaderSettings = ReaderOptions & typeof DEFAULTS

export function withDefaults(options: ReaderOptions): ReaderSettings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return { ...DEFAULTS, ...(Object.fromEntries(given) as unknown as ReaderOptions) }
}
