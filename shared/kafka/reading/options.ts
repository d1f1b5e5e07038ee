import type { Clock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import { INFLATE_LIMIT } from '../codecs.js'
import type { KafkaError } from '../errors.js'
import type { Start } from '../start.js'
import type { LogRecord } from '../types.js'
import type { Cluster } from '../wire/cluster.js'

/** What a reader tells. None may throw; `guard` them where they are foreign. */
export interface ReaderEvents {
  /** @param replaced the topic was deleted and created again: offsets begin anew */
  onStart(partition: number, from: number, until: number, replaced: boolean): void
  onRecords(
    partition: number,
    records: readonly LogRecord[],
    position: { readonly next: number; readonly highWatermark: number },
  ): void | Promise<void>
  onFetched(partition: number, next: number, highWatermark: number, mono: number): void
  onError(error: KafkaError, partitions: readonly number[]): void
  /** Metadata was read: how many partitions the topic has. */
  onPartitionCount(count: number): void
}

type Starts = (partitions: readonly number[]) => Promise<ReadonlyMap<number, Start>>

/** All numbers have defaults. */
export interface ReaderOptions {
  readonly cluster: Cluster
  readonly topic: string
  readonly clock: Clock
  readonly logger: Logger
  readonly events: ReaderEvents
  /** Bytes of one answer and of one partition in it. */
  readonly maxBytes?: number
  readonly maxBytesPerPartition?: number
  /** Milliseconds that a broker may keep an empty fetch. */
  readonly maxWait?: number
  /**
   * Milliseconds between two fetches when the first brought little. Records of many targets come one by one all the time;
   * a fetch for each would cost ten times what reading them does.
   */
  readonly linger?: number
  /** Milliseconds between looks at the metadata. */
  readonly metadataMaxAge?: number
  /** Bytes one compressed batch may inflate to. */
  readonly inflateLimit?: number
  /** Where partitions begin that have been given no start. Asked again after it has rejected. @throws KafkaError */
  readonly starts?: Starts
  /** Where to go on when the topic was deleted and created again. Default: with what comes. */
  readonly afterReplacement?: () => Start
}

/** 512 KiB of records are decoded and applied within a few turns of the loop; a broker serves four partitions at a time. */
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
