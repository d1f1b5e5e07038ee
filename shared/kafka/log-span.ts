import type { Clock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'
import { FetchState } from './reading/fetch-state.js'
import { Reader } from './reading/reader.js'
import type { KafkaConfig, LogRecord } from './types.js'
import { Cluster } from './wire/cluster.js'

/** A part of the log of one partition, in the past. */
export interface LogSpan {
  readonly partition: number
  /** Begins at the first record appended since then, Unix ms. */
  readonly since: number
  /** Offset at which it ends, exclusive. */
  readonly until: number
}

/** Callbacks of one span. They must not throw. */
export interface SpanListener {
  /** The span was located, or located anew because the topic was deleted and created again. */
  onStart(from: number): void
  /** Records in offset order. If it returns a promise, the next fetch waits for it. */
  onRecords(records: readonly LogRecord[], next: number): void | Promise<void>
  /** The span was read completely. Not called after `cancel`. */
  onEnd(): void
  /** A fetch failed. It is retried. */
  onError(error: Error): void
}

export interface SpanReaderOptions {
  readonly kafka: KafkaConfig
  readonly topic: string
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Reads spans of the log once, on connections of its own, so that it holds back no other reader.
 */
export interface SpanReader {
  /** @returns a function that cancels the reading */
  read(span: LogSpan, listener: SpanListener): () => void
  /** Cancels all spans. */
  stop(): Promise<void>
}

/** Larger than for the newest records: all of these are in the log already. */
const FETCH = { maxBytes: 4 * 1024 * 1024, maxBytesPerPartition: 1024 * 1024 }

/** @throws KafkaError if the address of a broker is malformed, at the first span */
export function createSpanReader(options: SpanReaderOptions): SpanReader {
  return new TopicSpanReader(options)
}

interface Reading {
  readonly span: LogSpan
  readonly listener: SpanListener
  readonly state: FetchState
}

class TopicSpanReader implements SpanReader {
  readonly #readings = new Map<number, Reading>()
  /** Exists while there are spans. */
  #source: { readonly cluster: Cluster; readonly reader: Reader } | undefined
  #stopped = false

  constructor(private readonly options: SpanReaderOptions) {}

  read(span: LogSpan, listener: SpanListener): () => void {
    if (this.#stopped) return () => {}
    const { partition, since } = span
    const reading = { span, listener, state: new FetchState(partition, { since }) }
    this.#readings.set(partition, reading)
    this.#update()
    return () => this.#remove(reading)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#readings.clear()
    await this.#close()
  }

  #remove(reading: Reading): void {
    const { partition } = reading.span
    if (this.#readings.get(partition) !== reading) return
    this.#readings.delete(partition)
    this.#update()
  }

  #update(): void {
    if (this.#readings.size === 0) {
      void this.#close()
      return
    }
    this.#source ??= this.#open()
    const states = [...this.#readings].map(([partition, { state }]) => [partition, state] as const)
    this.#source.reader.read(new Map(states))
  }

  async #close(): Promise<void> {
    const source = this.#source
    this.#source = undefined
    const stopped = source?.reader.stop()
    source?.cluster.close()
    await stopped
  }

  #open() {
    const { kafka, topic, clock, logger } = this.options
    const cluster = new Cluster(kafka, logger)
    const reader = new Reader({
      cluster,
      topic,
      clock,
      logger,
      ...FETCH,
      linger: 0,
      // Only spans that are being read remain: they begin at the same time as before.
      afterReplacement: () => ({ since: Math.min(...this.#spans(({ span }) => span.since)) }),
      events: {
        onStart: (partition, from) => {
          const reading = this.#readings.get(partition)
          reading?.listener.onStart(from)
          if (reading) this.#endIfRead(reading, from)
        },
        onRecords: (partition, records, { next }) => this.#onRecords(partition, records, next),
        onFetched: (partition, next) => {
          const reading = this.#readings.get(partition)
          if (reading) this.#endIfRead(reading, next)
        },
        onError: (error, partitions) => {
          for (const partition of partitions) this.#readings.get(partition)?.listener.onError(error)
        },
        onPartitionCount() {},
      },
    })
    reader.start()
    return { cluster, reader }
  }

  #onRecords(partition: number, records: readonly LogRecord[], next: number): void | Promise<void> {
    const reading = this.#readings.get(partition)
    if (!reading) return
    const { span, listener } = reading
    const within = next <= span.until ? records : records.filter(r => r.offset < span.until)
    const done = listener.onRecords(within, Math.min(next, span.until))
    if (next < span.until) return done
    return Promise.resolve(done).then(() => this.#endIfRead(reading, next))
  }

  /** Ends it when all of its records were delivered, also if the last offsets have no record. */
  #endIfRead(reading: Reading, next: number): void {
    if (next < reading.span.until || this.#readings.get(reading.span.partition) !== reading) return
    this.#remove(reading)
    reading.listener.onEnd()
  }

  #spans<T>(of: (reading: Reading) => T): T[] {
    return [...this.#readings.values()].map(of)
  }
}
