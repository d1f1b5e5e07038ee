import { asError } from '../base/as-error.js'
import type { Clock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'
import { RepeatedWarnings } from '../base/repeated-warnings.js'
import { Slice } from '../base/scheduling.js'
import type { HttpClient } from '../http/client/types.js'
import type { WriteProtocol } from '../metrics/remote-write/request.js'
import { desiredShards, Ewma, RESHARD_MS } from './desired-shards.js'
import type { WriteFigures } from './figures.js'
import type { WriteItem } from './item.js'
import { type FamilyMetadata, MetadataSender } from './metadata.js'
import { RequestSender } from './request-sender.js'
import { type Batch, ShardQueue } from './shard-queue.js'

/** Queue of one receiver, with the names and defaults of Prometheus's `queue_config`. */
export interface QueueOptions {
  /** Samples that a shard may hold. */
  readonly capacity: number
  readonly minShards: number
  readonly maxShards: number
  readonly maxSamplesPerSend: number
  readonly batchSendDeadlineMs: number
  readonly minBackoffMs: number
  readonly maxBackoffMs: number
  readonly retryOn429: boolean
  /** Samples that are older are dropped; 0: none. */
  readonly sampleAgeLimitMs: number
}

export interface RemoteOptions {
  readonly name: string
  readonly url: URL
  /** The first protocol to try. */
  readonly protocol: WriteProtocol
  /** Timeout of a request, ms. */
  readonly timeoutMs: number
  readonly headers: Readonly<Record<string, string>>
  readonly queue: QueueOptions
  /** Interval at which protocol 1.0 sends metadata, ms; 0: never. */
  readonly metadataIntervalMs: number
}

export interface QueueManagerOptions {
  readonly remote: RemoteOptions
  readonly client: HttpClient
  readonly clock: Clock
  readonly logger: Logger
  readonly figures: WriteFigures
  /** Observes the duration of each request, seconds. */
  onRequest(seconds: number): void
  /** All families in use, for the metadata of protocol 1.0. */
  families(): Iterable<FamilyMetadata>
}

/**
 * Sends the items of one receiver: queue shards of which each has one request in flight, resharded
 * by Prometheus's rule. Ordering: items of one target are sent in the order of `push`. Memory: what
 * waits is bounded if callers wait for `room` before each `push`.
 *
 * Call `start` once and `stop` once.
 */
export class QueueManager {
  readonly #options: QueueManagerOptions
  readonly #sender: RequestSender
  readonly #metadata: MetadataSender
  readonly #stopping = new AbortController()
  readonly #in = new Ewma()
  readonly #out = new Ewma()
  readonly #sending = new Ewma()
  readonly #slice = new Slice()
  #shards: ShardQueue[]
  #timers = new Map<ShardQueue, NodeJS.Timeout>()
  #resharding: Promise<void> | null = null
  #reshardTimer: NodeJS.Timeout | undefined
  #waiters: (() => void)[] = []
  readonly #flushing = new Set<object>()
  #tickedAt: number

  constructor(options: QueueManagerOptions) {
    this.#options = options
    const { remote, clock, logger, figures } = options
    const warnings = new RepeatedWarnings(logger, clock)
    this.#sender = new RequestSender({
      ...options,
      warnings,
      signal: this.#stopping.signal,
      onSending: seconds => this.#sending.add(seconds),
      onStored: samples => this.#out.add(samples),
    })
    this.#metadata = new MetadataSender({ ...options, sender: this.#sender })
    this.#shards = this.#create(remote.queue.minShards)
    this.#tickedAt = clock.now().mono
    figures.shards = figures.shardsDesired = remote.queue.minShards
  }

  start(): void {
    this.#reshardTimer = setInterval(() => void this.#reshard(), RESHARD_MS)
    this.#reshardTimer.unref()
    this.#metadata.start()
  }

  /** The protocol that the receiver is known to understand, or the first to try. */
  get protocol(): WriteProtocol {
    return this.#sender.protocol
  }

  /** Whether the shard of the item holds fewer samples than its capacity. */
  hasRoom(item: Pick<WriteItem, 'hash'>): boolean {
    return !this.#resharding && this.#shardOf(item).pending < this.#options.remote.queue.capacity
  }

  /** Resolves when there is room for the item, or when the manager stops. */
  async room(item: Pick<WriteItem, 'hash'>): Promise<void> {
    while (!this.hasRoom(item) && !this.#stopping.signal.aborted)
      await new Promise<void>(resolve => this.#waiters.push(resolve))
  }

  push(item: WriteItem): void {
    const { clock, figures } = this.#options
    const shard = this.#shardOf(item)
    shard.push(item, clock.now().mono)
    this.#in.add(item.samples)
    figures.pending += item.samples
    figures.highestQueued = Math.max(figures.highestQueued, item.time)
    this.#kick(shard)
  }

  /** Sends what waits without waiting for the deadline, as long as any caller wants it. */
  flush(caller: object, flushing: boolean): void {
    if (flushing) this.#flushing.add(caller)
    else this.#flushing.delete(caller)
    for (const shard of this.#shards) {
      shard.flush(this.#flushing.size > 0)
      this.#kick(shard)
    }
  }

  /** Aborts what is in flight. Items that were not sent stay unsettled. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    clearInterval(this.#reshardTimer)
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#wake()
    this.#metadata.stop()
    await this.#resharding
  }

  #create(count: number): ShardQueue[] {
    const { batchSendDeadlineMs } = this.#options.remote.queue
    const sender = this.#sender
    const options = {
      batchSendDeadlineMs,
      get maxSamplesPerSend() {
        return sender.maxSamples
      },
    }
    return Array.from({ length: count }, () => {
      const shard = new ShardQueue(options)
      shard.flush(this.#flushing.size > 0)
      return shard
    })
  }

  #shardOf({ hash }: Pick<WriteItem, 'hash'>): ShardQueue {
    return this.#shards[hash % this.#shards.length]
  }

  #kick(shard: ShardQueue): void {
    if (this.#resharding || this.#stopping.signal.aborted) return
    if (!shard.isIdle) return
    const { mono } = this.#options.clock.now()
    const batch = shard.next(mono)
    if (batch) {
      void this.#send(shard, batch)
      return
    }
    this.#countPending()
    const due = shard.dueAt(mono)
    if (due === Number.POSITIVE_INFINITY || this.#timers.has(shard)) return
    this.#timers.set(
      shard,
      setTimeout(
        () => {
          this.#timers.delete(shard)
          this.#kick(shard)
        },
        Math.max(1, due - mono),
      ),
    )
  }

  async #send(shard: ShardQueue, batch: Batch): Promise<void> {
    try {
      if (this.#slice.isOver()) await this.#slice.next()
      await this.#sender.send(batch.pieces)
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      this.#options.logger.error('A remote write request could not be made', {
        remote: this.#options.remote.name,
        error: asError(error).message,
      })
      this.#options.figures.fail('refused', batch.samples)
    }
    if (this.#stopping.signal.aborted) return
    shard.settle()
    this.#countPending()
    this.#wake()
    this.#kick(shard)
  }

  #countPending(): void {
    let pending = 0
    for (const shard of this.#shards) pending += shard.pending
    this.#options.figures.pending = pending
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake()
  }

  async #reshard(): Promise<void> {
    const { remote, clock, figures } = this.#options
    const { mono } = clock.now()
    const seconds = Math.max(0.001, (mono - this.#tickedAt) / 1000)
    this.#tickedAt = mono
    for (const rate of [this.#in, this.#out, this.#sending]) rate.tick(seconds)
    const { minShards, maxShards } = remote.queue
    const delay =
      figures.highestSent === 0 ? 0 : (figures.highestQueued - figures.highestSent) / 1000
    const { shards, desired } = desiredShards({
      shards: this.#shards.length,
      minShards,
      maxShards,
      inRate: this.#in.rate,
      outRate: this.#out.rate,
      sending: this.#sending.rate,
      delay,
    })
    figures.shardsDesired = desired
    // While the receiver does not answer, more requests would not help.
    if (shards === this.#shards.length || this.#resharding || figures.lastError !== '') return
    this.#resharding = this.#change(shards).finally(() => {
      this.#resharding = null
      for (const shard of this.#shards) this.#kick(shard)
      this.#wake()
    })
    await this.#resharding
  }

  async #change(count: number): Promise<void> {
    const { logger, remote, figures } = this.#options
    const old = this.#shards
    while (old.some(shard => !shard.isIdle)) {
      if (this.#stopping.signal.aborted) return
      await new Promise<void>(resolve => this.#waiters.push(resolve))
    }
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers = new Map()
    logger.info('Resharding the queue', { remote: remote.name, from: old.length, to: count })
    this.#shards = this.#create(count)
    figures.shards = count
    for (const shard of old)
      for (const waiting of shard.drain()) this.#shardOf(waiting.item).readd(waiting)
  }
}
