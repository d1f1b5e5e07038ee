import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { Slice } from '../../shared/base/scheduling.js'
import { runInSlices } from '../../shared/base/steps.js'
import type { SpanReader } from '../../shared/kafka/log-span.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import type { Shard } from '../core/shard.js'
import type { Reads } from './reads.js'

export interface ReadBackOptions {
  readonly shard: Shard
  readonly reads: Reads
  readonly clock: Clock
  readonly logger: Logger
  readonly spans: Pick<SpanReader, 'read'>
  /** How far before now the log is read, ms. */
  readonly forgetMs: number
  readonly events: ReadBackEvents
}

export interface ReadBackEvents {
  /** The partition was read back, `seconds` after its replay. */
  onReadBack(partition: number, seconds: number): void
  /** Number of records that were read. */
  onRecords(count: number): void
}

/** One partition whose log before the replay is not read yet. */
interface UnreadLog {
  /** Offset at which the replay began. */
  readonly until: number
  /** Offset of the first record, NaN before it is located. */
  from: number
  /** Next offset to read. */
  position: number
  /** Monotonic ms; NaN before the replay is complete. */
  startedAt: number
  cancel(): void
}

/** Progress of all partitions together. */
export interface ReadBackProgress {
  readonly partitions: number
  /** From 0 to 1, by offsets. */
  readonly share: number
}

/**
 * Reads, after the replay of a partition, the log before the replay window, back to
 * `--staleness.forget`: which targets there were, and when each was last heard. It runs in the
 * background while the partition is served. Errors are retried until the partition is lost.
 */
export class ReadBack {
  readonly #unread = new Map<number, UnreadLog>()
  #targets = 0
  #beganAt = Number.NaN

  constructor(private readonly options: ReadBackOptions) {}

  /** Whether nothing of the log of the partition is left to read. */
  complete(partition: number): boolean {
    return !this.#unread.has(partition)
  }

  /** Undefined if all partitions are complete. */
  get progress(): ReadBackProgress | undefined {
    if (this.#unread.size === 0) return undefined
    let read = 0
    let all = 0
    for (const { from, position, until } of this.#unread.values()) {
      if (Number.isNaN(from)) continue
      read += position - from
      all += until - from
    }
    return { partitions: this.#unread.size, share: all === 0 ? 0 : read / all }
  }

  /**
   * The replay of a partition begins, or begins anew because its log was replaced.
   *
   * @param from offset of the first replayed record
   */
  expect(partition: number, from: number): void {
    this.cancel(partition)
    if (from === 0) return
    const log = { until: from, from: Number.NaN, position: 0, startedAt: Number.NaN }
    this.#unread.set(partition, { ...log, cancel() {} })
  }

  /** The partition was lost, or its targets are known from elsewhere. */
  cancel(partition: number): void {
    this.#unread.get(partition)?.cancel()
    this.#unread.delete(partition)
  }

  /** The replay of the partition is complete: reads the log before it, if that is expected. */
  start(partition: number): void {
    const log = this.#unread.get(partition)
    if (!log || !Number.isNaN(log.startedAt)) return
    const { shard, clock, logger, spans, forgetMs } = this.options
    const now = clock.now()
    if (Number.isNaN(this.#beganAt)) {
      this.#beganAt = now.mono
      this.#targets = 0
      logger.info('Reading back the log before the replay', { forgetMs })
    }
    log.startedAt = now.mono
    log.cancel = spans.read(
      { partition, since: now.wall - forgetMs, until: log.until },
      {
        onStart: from => {
          // Also after the topic was created again: what was read belongs to the old one.
          shard.beginPast(partition, clock.now())
          log.from = log.position = Math.min(from, log.until)
        },
        onRecords: async (records, next) => {
          await this.#apply(partition, log, records)
          log.position = next
          this.options.events.onRecords(records.length)
        },
        onEnd: () => void this.#end(partition, log),
        onError: error => logger.debug('Cannot read back a partition', { partition, error }),
      },
    )
  }

  async #apply(partition: number, log: UnreadLog, records: readonly LogRecord[]): Promise<void> {
    const { shard, clock, reads } = this.options
    const slice = new Slice()
    for (const record of records) {
      let unread = shard.applyPast(partition, record, clock.now())
      while (unread) {
        const reading = await reads.read(unread)
        if (this.#unread.get(partition) !== log) return
        unread = shard.applyPast(partition, record, clock.now(), reading)
      }
      if (!slice.isOver()) continue
      await slice.next()
      // The partition may have been lost in between.
      if (this.#unread.get(partition) !== log) return
    }
  }

  async #end(partition: number, log: UnreadLog): Promise<void> {
    const { shard, clock, logger, events } = this.options
    const targets = await runInSlices(shard.endPastSteps(partition, clock.now()))
    if (this.#unread.get(partition) !== log) return
    this.#unread.delete(partition)
    this.#targets += targets
    const { mono } = clock.now()
    logger.debug('Partition read back', { partition, records: log.until - log.from, targets })
    if (this.#unread.size === 0) {
      const seconds = (mono - this.#beganAt) / 1000
      this.#beganAt = Number.NaN
      logger.info('Read back the log before the replay', { seconds, targets: this.#targets })
    }
    events.onReadBack(partition, (mono - log.startedAt) / 1000)
  }
}
