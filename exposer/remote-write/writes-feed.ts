import type { Clock, Instant } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { hashOf } from '../../shared/base/murmur2.js'
import { Slice } from '../../shared/base/scheduling.js'
import { runInSlices } from '../../shared/base/steps.js'
import type { LogRecord, PartitionListener } from '../../shared/kafka/types.js'
import { WriteReader } from '../../shared/metrics/remote-write/reader.js'
import type { WriteRequest } from '../../shared/metrics/remote-write/request.js'
import type { WriteFigures } from '../../shared/remote-write/figures.js'
import type { QueueManager } from '../../shared/remote-write/manager.js'
import type { SentKinds } from '../../shared/remote-write/request-writer.js'
import type {
  RelabelledRequest,
  WrittenRelabelling,
} from '../../shared/remote-write/written-relabelling.js'
import { ByteRoom } from './byte-room.js'
import { noteLoss, SentPartition, settled } from './sent-partition.js'
import type { CommittedStart } from './start.js'
import { WrittenItem, type WrittenItemOptions } from './written-item.js'

export interface WritesFeedOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly queue: QueueManager
  readonly figures: WriteFigures
  readonly start: CommittedStart
  readonly sent: SentKinds
  readonly relabelling: WrittenRelabelling | null
  /** Bytes of records that may wait, besides one. */
  readonly maxBytes: number
  commit(partition: number, offset: number, metadata: string): void
  /** The offset that the brokers have committed; −1 without one. */
  committed(partition: number): number
}

const COMMIT_MS = 1000
const UNTIMED_BYTES = 16 * 1024

/**
 * Sends the records of `metrics.writes` to one receiver, sample by sample, as they came to a
 * gateway: with their times, stale markers, native histograms and `up`.
 */
export class WritesFeed implements PartitionListener {
  readonly #partitions = new Map<number, SentPartition>()
  /** Append time of the last record read, and whether it is the last one, of each partition. */
  readonly #read = new Map<number, { readonly time: number; readonly isLast: boolean }>()
  readonly #reader = new WriteReader()
  /** Its request stays while other requests are written. */
  readonly #relabelReader = new WriteReader()
  #relabelled: Promise<unknown> = Promise.resolve()
  readonly #slice: Slice
  readonly #room: ByteRoom
  readonly #relabel: WrittenItemOptions['relabel']
  #partitionCount = 0
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(private readonly options: WritesFeedOptions) {
    this.#slice = new Slice(undefined, () => options.clock.now().mono)
    this.#room = new ByteRoom(options.maxBytes)
    const { relabelling } = options
    this.#relabel =
      relabelling && ((bytes, from, to) => this.#labelsOf(relabelling, bytes, from, to))
  }

  start(): void {
    this.#timer = setInterval(() => this.#commit(), COMMIT_MS)
  }

  /** Nothing is sent or committed afterwards. */
  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
    for (const one of this.#partitions.values()) one.lose()
    this.#room.wake()
    this.#partitions.clear()
  }

  /** Bytes of records that wait. */
  get bytes(): number {
    return this.#room.used
  }

  /** Partitions of which sending has begun. */
  get partitions(): number {
    return [...this.#partitions.values()].filter(({ progress }) => progress).length
  }

  /** Seconds by which the partitions are behind their ends, at most. */
  lagSeconds({ wall }: Instant): number {
    let lag = 0
    for (const one of this.#partitions.values()) lag = Math.max(lag, one.ageSeconds(wall))
    for (const { time, isLast } of this.#read.values())
      if (!isLast) lag = Math.max(lag, (wall - time) / 1000)
    return lag
  }

  onAssignment(assignment: Parameters<PartitionListener['onAssignment']>[0]): void {
    this.#partitionCount = assignment.partitionCount
    for (const partition of [...assignment.lost, ...assignment.fresh]) {
      this.#partitions.get(partition)?.lose()
      this.#partitions.delete(partition)
      this.#read.delete(partition)
    }
    this.#room.wake()
    for (const partition of assignment.fresh)
      this.#partitions.set(partition, new SentPartition(partition))
    for (const partition of assignment.kept) this.#partitions.get(partition)?.resume()
    this.#flush()
  }

  onReplay(partition: number, from: number, until: number): void {
    const { start, clock } = this.options
    const known = this.#partitions.get(partition)
    if (!known) return
    const position = start.consume(partition)
    let one = known
    if (known.progress) {
      known.lose()
      this.#room.wake()
      one = new SentPartition(partition)
      this.#partitions.set(partition, one)
    }
    const lost = one.locate(position, { from, until, wall: clock.now().wall })
    noteLoss(this.options, partition, lost)
    if (position === null) this.#commitOf(one)
  }

  onRebalancing(): void {}

  async onRevoking(partitions: readonly number[]): Promise<void> {
    const given = partitions.flatMap(partition => this.#partitions.get(partition) ?? [])
    for (const one of given) one.pause()
    this.#flush()
    await settled(given, () => this.#stopped)
    this.#commit()
  }

  async onRecords(
    partition: number,
    records: readonly LogRecord[],
    { highWatermark }: { readonly highWatermark: number },
  ): Promise<void> {
    const one = this.#partitions.get(partition)
    let bytes = 0
    for (const record of records) {
      if (!one || one.isLost) return
      if (!this.#room.isFree) await this.#room.untilFree(() => one.isLost)
      if (one.isPaused) await one.resumed
      if (one.isLost) return
      const { offset, timestamp: time } = record
      this.#read.set(partition, { time, isLast: offset + 1 >= highWatermark })
      if (offset < one.sendFrom) continue
      await this.#send(one, record)
      if (one.isLost) return
      one.progress!.read({ offset: offset + 1, time })
      bytes += record.value?.length ?? 0
      if (bytes < UNTIMED_BYTES) continue
      bytes = 0
      if (this.#slice.isOver()) await this.#slice.next()
    }
  }

  onFetched(partition: number, next: number, highWatermark: number): void {
    const read = this.#read.get(partition)
    if (read && next >= highWatermark) this.#read.set(partition, { ...read, isLast: true })
  }

  onFetchError(): void {}

  async #send(one: SentPartition, record: LogRecord): Promise<void> {
    const { queue, relabelling, figures } = this.options
    const bytes = record.value?.length ?? 0
    let settle = () => {}
    const onSettled = () => settle()
    const item = relabelling
      ? await this.#relabelledItem(one, record, relabelling, onSettled)
      : this.#itemOf(one, record, this.#requestOf(record, this.#reader), null, onSettled)
    if (one.isLost) return
    if (!item) {
      figures.fail('refused', 1)
      return
    }
    figures.relabelledAway += item.dropped
    // Metadata without samples, or relabelling drops all of them.
    if (item.samples === 0) return
    const position = { offset: record.offset, time: record.timestamp }
    const settled = one.progress!.add(position, this.options.clock.now().wall)
    this.#room.take(bytes)
    settle = () => {
      settled()
      this.#room.give(bytes)
    }
    if (!one.hasBegun) await one.begun(() => this.options.committed(one.partition))
    if (!queue.hasRoom(item)) await queue.room(item)
    queue.push(item)
  }

  #requestOf({ key, value }: LogRecord, reader: WriteReader): WriteRequest | null {
    if (key === null || value === null) return null
    try {
      return reader.read(value, '2.0')
    } catch (error) {
      const { message } = error as Error
      this.options.logger.debug('A record of the writes cannot be read', { error: message })
      return null
    }
  }

  #itemOf(
    one: SentPartition,
    { key, offset, timestamp }: LogRecord,
    request: WriteRequest | null,
    kept: Uint32Array | null,
    onSettled: () => void,
  ): WrittenItem | null {
    if (key === null || request === null) return null
    const options = {
      target: key.toString('latin1'),
      hash: hashOf(key),
      // The value is a slice of a fetch response, which would stay in memory.
      bytes: Buffer.from(request.bytes),
      reader: this.#reader,
      sent: this.options.sent,
      relabel: this.#relabel,
      dueAt: timestamp,
      isRepeat: offset < one.repeatsBelow,
      isCancelled: () => one.isLost,
      onSettled,
    }
    return new WrittenItem(options, request, kept)
  }

  /** Relabels in slices, one record after the other: the reader holds one request. */
  #labelsOf(
    relabelling: WrittenRelabelling,
    bytes: Buffer,
    from: number,
    to: number,
  ): Promise<RelabelledRequest> {
    const made = this.#relabelled.then(() => {
      const request = this.#relabelReader.read(bytes, '2.0')
      return runInSlices(relabelling.relabelledSteps(request, from, to))
    })
    this.#relabelled = made.catch(() => null)
    return made
  }

  /** As above, for the indexes of the series that are sent. */
  #relabelledItem(
    one: SentPartition,
    record: LogRecord,
    relabelling: WrittenRelabelling,
    onSettled: () => void,
  ): Promise<WrittenItem | null> {
    const made = this.#relabelled.then(async () => {
      const request = this.#requestOf(record, this.#relabelReader)
      const kept = request && (await runInSlices(relabelling.keptSteps(request), this.#slice))
      return this.#itemOf(one, record, request, kept, onSettled)
    })
    this.#relabelled = made.catch(() => null)
    return made
  }

  #commit(): void {
    for (const one of this.#partitions.values()) this.#commitOf(one)
  }

  #commitOf(one: SentPartition): void {
    const commit = one.commit(this.#partitionCount)
    if (commit) this.options.commit(one.partition, commit.offset, commit.metadata)
  }

  #flush(): void {
    const isGiven = [...this.#partitions.values()].some(({ isPaused }) => isPaused)
    this.options.queue.flush(this, isGiven)
  }
}
