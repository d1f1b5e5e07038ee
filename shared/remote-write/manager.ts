import { asError } from '../base/as-error.js'
import type { Clock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'
import { RepeatedWarnings } from '../base/repeated-warnings.js'
import { Slice } from '../base/scheduling.js'
import type { HttpClient } from '../http/client/types.js'
import type { WriteProtocol } from '../metrics/remote-write/request.js'
import type { Backoff } from './backoff.js'
import { desiredShards, Ewma, RESHARD_MS } from './desired-shards.js'
import type { WriteFigures } from './figures.js'
import { IsolatedTargets } from './isolated-targets.js'
import { type Piece, textOfTarget, type WriteItem } from './item.js'
import { type FamilyMetadata, MetadataSender } from './metadata.js'
import { RequestSender } from './request-sender.js'
import { type Batch, ShardQueue, type Waiting } from './shard-queue.js'

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
  /** Time after which samples of an isolated target are given up, ms; 0: never. */
  readonly isolationLimitMs: number
}

export interface QueueManagerOptions {
  readonly remote: RemoteOptions
  readonly client: HttpClient
  readonly clock: Clock
  readonly logger: Logger
  readonly figures: WriteFigures
  /** Bytes of each of two caches of protocol 1.0; a default without it. */
  readonly cacheBytes?: number
  /** Observes the duration of each request, seconds. */
  onRequest(seconds: number): void
  /** All families in use, for the metadata of protocol 1.0. */
  families(): Iterable<FamilyMetadata>
}

const MAX_TIMER_MS = 60_000
/** Requests of isolated targets that are in flight at a time, at most: each of another target. */
const ISOLATED_REQUESTS = 4

/** Requests of a queue that are in flight at a time, at most: with that of metadata. */
export const requestsAtOnce = ({ maxShards }: QueueOptions): number =>
  maxShards + ISOLATED_REQUESTS + 1

/**
 * Sends the items of one receiver: queue shards of which each has one request in flight, resharded
 * by Prometheus's rule. Ordering: items of one target are sent in the order of `push`. Memory: what
 * waits is bounded if callers wait for `room` before each `push`.
 *
 * A target whose samples the receiver does not store, while it stores those of others, is isolated:
 * its samples wait and are repeated apart, so that it holds back no other target.
 *
 * Call `start` once and `stop` once.
 */
export class QueueManager {
  readonly #options: QueueManagerOptions
  readonly #sender: RequestSender
  readonly #metadata: MetadataSender
  readonly #isolated: IsolatedTargets
  readonly #warnings: RepeatedWarnings
  readonly #stopping = new AbortController()
  readonly #in = new Ewma()
  readonly #out = new Ewma()
  readonly #sending = new Ewma()
  readonly #slice = new Slice()
  #shards: ShardQueue[]
  #timers = new Map<ShardQueue, NodeJS.Timeout>()
  #resharding: Promise<void> | null = null
  #reshardTimer: NodeJS.Timeout | undefined
  #isolatedTimer: NodeJS.Timeout | undefined
  #isolatedInFlight = 0
  #waiters: (() => void)[] = []
  readonly #flushing = new Set<object>()
  #tickedAt: number

  constructor(options: QueueManagerOptions) {
    this.#options = options
    const { remote, clock, logger, figures } = options
    this.#warnings = new RepeatedWarnings(logger, clock)
    this.#isolated = new IsolatedTargets({
      ...remote.queue,
      limitMs: remote.isolationLimitMs,
      onDropped: (target, samples) => this.#giveUp(target, samples),
    })
    this.#sender = new RequestSender({
      ...options,
      warnings: this.#warnings,
      mayIsolate: () => this.#isolated.makeRoom(),
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

  /** Bytes of what is kept for later requests. */
  get cacheBytes(): number {
    return this.#sender.cacheBytes
  }

  /** Whether the shard of the item holds fewer samples than its capacity. */
  hasRoom(item: Pick<WriteItem, 'hash' | 'target'>): boolean {
    if (this.#isolated.has(item.target)) return this.#isolated.hasRoom(item.target)
    return !this.#resharding && this.#shardOf(item).pending < this.#options.remote.queue.capacity
  }

  /** Resolves when there is room for the item, or when the manager stops. */
  async room(item: Pick<WriteItem, 'hash' | 'target'>): Promise<void> {
    while (!this.hasRoom(item) && !this.#stopping.signal.aborted)
      await new Promise<void>(resolve => this.#waiters.push(resolve))
  }

  push(item: WriteItem): void {
    const { clock, figures } = this.#options
    figures.pending += item.samples
    if (this.#isolated.has(item.target)) {
      this.#isolated.push(item, clock.now().mono)
      this.#countPending()
      return
    }
    const shard = this.#shardOf(item)
    shard.push(item, clock.now().mono)
    this.#in.add(item.samples)
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
    clearTimeout(this.#isolatedTimer)
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
    let isolated: readonly Piece[] = []
    try {
      if (this.#slice.isOver()) await this.#slice.next()
      isolated = await this.#sender.send(batch.pieces)
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      this.#options.logger.error('A remote write request could not be made', {
        remote: this.#options.remote.name,
        error: asError(error).message,
      })
      this.#options.figures.fail('refused', batch.samples)
    }
    if (this.#stopping.signal.aborted) return
    const { mono } = this.#options.clock.now()
    for (const [target, waiting] of shard.settle(isolated, mono)) this.#isolate(target, waiting)
    this.#countPending()
    this.#wake()
    this.#kick(shard)
  }

  #isolate(target: string, waiting: readonly Waiting[]): void {
    const { clock, remote, figures } = this.#options
    this.#isolated.add(target, waiting, clock.now().mono, this.#sender.outcomes)
    this.#warnings.warn(
      'isolated',
      `The receiver does not store the samples of a target: they are sent apart from now on: ${figures.lastError}`,
      { remote: remote.name, target: textOfTarget(target) },
    )
    this.#scheduleIsolated()
  }

  #giveUp(target: string, samples: number): void {
    const { remote, figures } = this.#options
    figures.fail('isolated', samples)
    this.#warnings.warn(
      'given up',
      `Samples of a target that the receiver does not store are given up: ${this.#isolated.example?.error}`,
      { remote: remote.name, target: textOfTarget(target), samples },
    )
  }

  #scheduleIsolated(): void {
    clearTimeout(this.#isolatedTimer)
    const { dueAt } = this.#isolated
    if (this.#isolatedInFlight >= ISOLATED_REQUESTS || dueAt === Number.POSITIVE_INFINITY) return
    if (this.#stopping.signal.aborted) return
    const inMs = Math.max(0, dueAt - this.#options.clock.now().mono)
    this.#isolatedTimer = setTimeout(() => this.#startIsolated(), Math.min(inMs, MAX_TIMER_MS))
  }

  #startIsolated(): void {
    while (this.#isolatedInFlight < ISOLATED_REQUESTS) {
      const { mono } = this.#options.clock.now()
      const { maxSamples, outcomes } = this.#sender
      const next = this.#isolated.next(mono, maxSamples, outcomes)
      if (!next) break
      this.#isolatedInFlight++
      void this.#sendIsolated(next.piece, next.backoff)
    }
    // Of what was removed meanwhile nothing waits any more.
    this.#countPending()
    this.#wake()
    this.#scheduleIsolated()
  }

  async #sendIsolated(piece: Piece, backoff: Backoff): Promise<void> {
    const { clock, remote, logger } = this.#options
    let error: string | null
    try {
      if (this.#slice.isOver()) await this.#slice.next()
      error = await this.#sender.sendIsolated([piece], backoff)
    } catch (failure) {
      if (this.#stopping.signal.aborted) return
      error = asError(failure).message
      logger.error('Sending an isolated target failed', { error })
    }
    this.#isolatedInFlight--
    if (this.#isolated.answered(piece, error, clock.now().mono, this.#sender.outcomes))
      logger.info('The receiver stores the samples of an isolated target again', {
        remote: remote.name,
        target: textOfTarget(piece.item.target),
      })
    this.#countPending()
    this.#wake()
    this.#scheduleIsolated()
  }

  #countPending(): void {
    const { figures } = this.#options
    let pending = this.#isolated.samples
    for (const shard of this.#shards) pending += shard.pending
    figures.pending = pending
    figures.isolatedTargets = this.#isolated.size
    figures.isolatedSamples = this.#isolated.samples
    const { target, error } = this.#isolated.example ?? { target: '', error: '' }
    figures.isolatedError = target && `${textOfTarget(target)}: ${error || 'not stored'}`
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
