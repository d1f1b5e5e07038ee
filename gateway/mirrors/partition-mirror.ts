import { asError } from '../../shared/base/as-error.js'
import type { Clock } from '../../shared/base/clock.js'
import { Slice } from '../../shared/base/scheduling.js'
import { runInSlices, type Steps } from '../../shared/base/steps.js'
import type { LogRecord } from '../../shared/kafka/types.js'
import type { WriteRequest } from '../../shared/metrics/remote-write/request.js'
import { type OrderedOutbox, OutboxClosed } from '../../shared/publish/ordered-outbox.js'
import { CarriedTime } from './carried-time.js'
import { MirrorPublisher } from './mirror-publisher.js'
import type { PublishingFigures } from './publishing-figures.js'
import type { Origin } from './state/made.js'
import type { MirrorContext, MirroredTarget } from './state/mirrored-target.js'
import { type MadeSteps, MirrorPartition, type TargetMade } from './state/partition.js'

/** Reads the value of a record. A request is valid until the next one. */
export type ReadRecord = (value: Buffer) => Steps<WriteRequest>

export interface PartitionMirrorOptions {
  readonly context: MirrorContext
  readonly outbox: OrderedOutbox
  readonly figures: PublishingFigures
  readonly read: ReadRecord
  readonly clock: Clock
  /** The first offset that is read, and the one from which on is published. */
  readonly from: number
  readonly publishedFrom: number
  /** @param origin what is before it need not be read again, besides the lookback */
  readonly commit: (origin: Origin) => void
  /** An error that is not expected: mirrors go on with the next record. */
  readonly onError: (error: Error) => void
}

/** Time between two commits, ms. */
const COMMIT_MS = 500

/** The mirrors of a partition that this gateway owns. Its work is done in order, in slices. */
export class PartitionMirror {
  readonly #machine: MirrorPartition
  readonly #publisher: MirrorPublisher
  readonly #carried = new CarriedTime()
  #work: Promise<void> = Promise.resolve()
  /** Tasks of `#work` that have not ended. */
  #tasks = 0
  #next: number
  #committedAt = Number.NEGATIVE_INFINITY
  #isClosed = false

  /** Offsets: the next record, and the end of the log as of the last fetch. */
  position: { readonly next: number; readonly end: number }
  /** When the end of the log was read last, monotonic ms. */
  endReadAt: number

  constructor(private readonly options: PartitionMirrorOptions) {
    const { context, outbox, figures, from, publishedFrom, clock } = options
    this.#publisher = new MirrorPublisher(outbox, context.budget, figures)
    this.#machine = new MirrorPartition(context, target => this.#publisher.drop(target))
    this.#next = from
    this.#lose(from - publishedFrom, publishedFrom > 0)
    this.position = { next: from, end: from }
    this.endReadAt = clock.now().mono
  }

  /** Log time, Unix ms; −∞ before the first record. */
  get time(): number {
    return this.#machine.time
  }

  get targets(): Iterable<MirroredTarget> {
    return this.#machine.targets
  }

  /** Resolves when the records were applied and what they made is in the outbox. */
  onRecords(records: readonly LogRecord[], next: number, end: number): Promise<void> {
    this.position = { next, end }
    const { mono } = this.options.clock.now()
    return this.#enqueue(async slice => {
      for (const record of records) {
        this.#lose(record.offset - this.#next, true)
        this.#next = record.offset + 1
        await this.#apply(record, slice)
        if (this.#isClosed) return
      }
      this.#next = next
      this.#carried.observe(this.#machine.time, mono)
    })
  }

  /** The end of the log was read, or a part of it. @param mono when, monotonic ms */
  onFetched(next: number, end: number, mono: number): void {
    this.position = { next, end }
    if (next < end) return
    this.endReadAt = mono
    if (this.#tasks > 0) return
    const time = this.#carried.at(mono)
    void this.#enqueue(slice => this.#publish(this.#machine.advance(time), slice))
  }

  /** Commits when everything that was read is acknowledged: another gateway goes on there. */
  async settle(): Promise<void> {
    await this.#work
    await this.#publisher.settled()
    await this.#work
    this.#commit()
  }

  /** Publishes nothing more. */
  close(): void {
    this.#isClosed = true
    this.#machine.close()
    this.#publisher.close()
  }

  #lose(records: number, isKnown: boolean): void {
    if (records <= 0 || !isKnown) return
    this.options.figures.gaps++
    this.options.figures.lostRecords += records
  }

  #enqueue(task: (slice: Slice) => Promise<void>): Promise<void> {
    this.#tasks++
    this.#work = this.#work.then(async () => {
      try {
        if (!this.#isClosed) await task(new Slice())
        this.#commitInTime()
      } catch (error) {
        this.options.onError(asError(error))
      } finally {
        this.#tasks--
      }
    })
    return this.#work
  }

  async #apply({ offset, timestamp, key, value }: LogRecord, slice: Slice): Promise<void> {
    let request: WriteRequest | undefined
    if (value) {
      try {
        request = await runInSlices(this.options.read(value), slice)
      } catch {
        request = undefined
      }
    }
    await this.#publish(this.#machine.apply({ offset, time: timestamp, key, request }), slice)
  }

  async #publish(steps: MadeSteps, slice: Slice): Promise<void> {
    for (const step of steps) {
      if (this.#isClosed) return
      if (step && step.made.origin.offset >= this.options.publishedFrom)
        await this.#publishOne(step)
      if (slice.isOver()) await slice.next()
    }
  }

  async #publishOne({ target, made }: TargetMade): Promise<void> {
    try {
      await this.#publisher.publish(target, made)
    } catch (error) {
      // One snapshot that cannot be published must not hold back those of other targets.
      if (!(error instanceof OutboxClosed)) this.options.onError(asError(error))
    }
  }

  #commitInTime(): void {
    const { mono } = this.options.clock.now()
    if (mono - this.#committedAt < COMMIT_MS) return
    this.#committedAt = mono
    this.#commit()
  }

  #commit(): void {
    if (this.#isClosed || this.#machine.time === Number.NEGATIVE_INFINITY) return
    this.options.commit(this.#publisher.lowest(this.#machine.origin))
  }
}
