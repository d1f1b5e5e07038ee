import { randomBytes } from 'node:crypto'
import { asError } from '../../../../shared/base/as-error.js'
import { Slice } from '../../../../shared/base/scheduling.js'
import { runInSlices } from '../../../../shared/base/steps.js'
import type { KafkaError } from '../../../../shared/kafka/errors.js'
import { Appender } from '../../../../shared/kafka/log/appender.js'
import { deleteBelow, logEnds } from '../../../../shared/kafka/log/ends.js'
import { type FollowOptions, LogLost, readLog } from '../../../../shared/kafka/log/follow.js'
import type { LogRecord } from '../../../../shared/kafka/types.js'
import type { FrozenState, StateMachine } from '../../../state/machine.js'
import { StateLoader } from '../../../state/state-loader.js'
import type { StoreFigures } from '../figures.js'
import { chunksOf, type FrozenHeader, ID_BYTES, readChunk } from './chunk.js'
import { SnapshotIndex, type StoredSnapshot } from './snapshot-index.js'

/** A record or a chunk of a version that this program does not know. */
export class NewerVersion extends Error {
  override readonly name = 'NewerVersion'
}

export interface SnapshotTopicOptions extends FollowOptions {
  /** Milliseconds after which the append of a chunk fails. */
  readonly timeout: number
  readonly figures: StoreFigures
  /** Ends reading and writing. */
  readonly signal: AbortSignal
  onError(error: KafkaError): void
}

/** Bytes of a chunk without its header: a part of the state and some more. */
const MAX_BODY = 2 * 1024 * 1024
/** Retries when the topic is shortened while it is read. */
const MAX_SCANS = 5

/** The topic of snapshots: finds, loads and writes them. */
export class SnapshotTopic {
  #index = new SnapshotIndex()
  /** Offset up to which the topic was read. */
  #scannedTo = 0
  /** Snapshots that begin before it belong to a log that was given up. */
  #validFrom = 0
  #work: Promise<unknown> = Promise.resolve()
  readonly #appender: Appender

  constructor(private readonly options: SnapshotTopicOptions) {
    const { cluster, topic, timeout } = options
    this.#appender = new Appender({ cluster, topic, timeout, maxBatchBytes: MAX_BODY })
  }

  /** The complete snapshot of the highest offset, as of the last scan. */
  get newest(): StoredSnapshot | undefined {
    return this.#index.newest
  }

  /**
   * Reads what is new in the topic.
   *
   * @throws NewerVersion
   * @throws KafkaError if the ends of the topic cannot be requested
   */
  scan(): Promise<void> {
    return this.#inTurn(() => this.#scan())
  }

  /**
   * The state machine of a snapshot.
   *
   * @param header where it goes on
   * @throws LogLost if another gateway has removed it meanwhile
   * @throws Error if it is malformed although its checksums are right
   */
  async load(snapshot: StoredSnapshot, header: FrozenHeader): Promise<StateMachine> {
    const { figures } = this.options
    const start = performance.now()
    const loader = new StateLoader()
    const slice = new Slice()
    const pieces: Buffer[] = []
    let next = 0
    await this.#read(snapshot.first, snapshot.end, async records => {
      for (const { value } of records) {
        const read = readChunk(value)
        if (read.kind !== 'chunk') continue
        const { id, number, body, continues } = read.chunk
        // Chunks of other snapshots, and repeated ones.
        if (id.toString('hex') !== snapshot.id || number !== next) continue
        next++
        if (body.length > 0) pieces.push(body)
        if (!continues && pieces.length > 0)
          await runInSlices(loader.add(Buffer.concat(pieces.splice(0))), slice)
        if (slice.isOver()) await slice.next()
      }
    })
    const machine = loader.finish(header)
    figures.snapshotsLoaded++
    figures.lastLoadedBytes = snapshot.bytes
    figures.lastLoadedSeconds = (performance.now() - start) / 1000
    return machine
  }

  /**
   * Writes the state, releases it, and deletes what is no longer needed from both topics.
   *
   * @param frozen between two records
   * @param log the topic of the log
   * @throws AppendError
   */
  async write(frozen: FrozenState, log: string): Promise<void> {
    const { figures, logger, topic, signal } = this.options
    const start = performance.now()
    const { offset } = frozen
    let bytes = 0
    try {
      const header = { offset, time: frozen.time, last: frozen.last }
      const slice = new Slice()
      for (const chunk of chunksOf(randomBytes(ID_BYTES), header, frozen.parts(), MAX_BODY)) {
        signal.throwIfAborted()
        if (chunk) {
          bytes += chunk.length
          await this.#appender.append(chunk)
          slice.restart()
        } else if (slice.isOver()) await slice.next()
      }
    } finally {
      frozen.release()
    }
    figures.snapshotsWritten++
    figures.lastWrittenBytes = bytes
    figures.lastWrittenSeconds = (performance.now() - start) / 1000
    logger.info('Snapshot written', { topic, offset, bytes, seconds: figures.lastWrittenSeconds })
    await this.scan()
    try {
      await this.#deleteOld(log)
    } catch (error) {
      signal.throwIfAborted()
      // The next snapshot deletes it as well.
      logger.warn(`Records that are no longer needed were not deleted: ${asError(error).message}`)
    }
  }

  /** Forgets a snapshot that cannot be loaded: the one before it and the log since are there. */
  discard({ id }: StoredSnapshot): void {
    this.#index.discard(id)
  }

  /** The snapshots so far belong to a log that does not exist any more. */
  async giveUp(): Promise<void> {
    const { cluster, topic } = this.options
    this.#validFrom = (await logEnds(cluster, topic)).end
    this.#index.forgetBelow(this.#validFrom)
  }

  close(): void {
    this.#appender.close()
  }

  async #deleteOld(log: string): Promise<void> {
    const { cluster, topic } = this.options
    const { newest, removable } = this.#index
    if (this.#validFrom > 0 && newest) await deleteBelow(cluster, topic, newest.first)
    if (!removable) return
    await deleteBelow(cluster, log, removable.log)
    await deleteBelow(cluster, topic, removable.snapshots)
  }

  async #scan(): Promise<void> {
    const { cluster, topic } = this.options
    for (let i = 1; ; i++) {
      const { begin, end } = await logEnds(cluster, topic)
      if (end < this.#scannedTo) {
        // The topic was created again.
        this.#index = new SnapshotIndex()
        this.#scannedTo = 0
        this.#validFrom = 0
      }
      this.#index.forgetBelow(Math.max(begin, this.#validFrom))
      const from = Math.max(begin, this.#scannedTo)
      try {
        await this.#read(from, end, records => this.#observe(records))
        this.#scannedTo = end
        return
      } catch (error) {
        if (!(error instanceof LogLost) || i >= MAX_SCANS) throw error
      }
    }
  }

  #observe(records: readonly LogRecord[]): void {
    for (const { offset, value } of records) {
      // It may be read a second time, after the topic was shortened.
      if (offset < Math.max(this.#scannedTo, this.#validFrom)) continue
      const read = readChunk(value)
      if (read.kind === 'newer_version') {
        throw new NewerVersion(
          `record ${offset} of topic ${this.options.topic} has version ${read.version}, which this program does not know: start a newer version of it`,
        )
      }
      this.#scannedTo = offset + 1
      if (read.kind === 'chunk') this.#index.observe(offset, read.chunk, value!.length)
      else this.#malformed(offset, read.reason)
    }
  }

  #malformed(offset: number, reason: string): void {
    const { topic, logger, figures } = this.options
    figures.chunksMalformed++
    logger.warn(`Record ${offset} of topic ${topic} is ignored: ${reason}`, { topic, offset })
  }

  #read(
    from: number,
    until: number,
    onRecords: (records: readonly LogRecord[]) => void | Promise<void>,
  ): Promise<void> {
    const { signal, onError } = this.options
    return readLog(this.options, { from, until }, onRecords, { signal, onError })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work, work)
    this.#work = done.catch(() => {})
    return done
  }
}
