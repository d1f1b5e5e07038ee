import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../../../shared/base/clock.js'
import type { Logger } from '../../../shared/base/logger.js'
import { RepeatedWarnings } from '../../../shared/base/repeated-warnings.js'
import type { Outcome, PushRequest } from '../../state/types.js'
import type { Held, PushView } from '../../state/view.js'
import { type PushStore, StoreUnavailable } from '../store.js'
import { BUCKETS, type BucketKeys, bucketKeys } from './buckets.js'
import type { Answer } from './connection/topology.js'
import { type BucketFigures, Figures } from './figures.js'
import type { RedisOptions } from './options.js'
import { Reader } from './reader.js'
import { parseWrite } from './replies.js'
import { ScriptRunner, unavailable } from './runner.js'
import { PRUNE } from './scripts/prune.js'
import { Session } from './session.js'
import { Writer } from './writer.js'

/** Pause between reads of the figures, which limits are judged by, ms. */
const FIGURES_MS = 10_000
/** Number of figures that are read at the same time. */
const FIGURES_BATCH = 64

export interface RedisStoreMetrics {
  readonly inFlight: number
  /** Requests that were refused because too many were in flight. */
  readonly refused: number
  /** Attempts that were repeated because a slot was moved. */
  readonly retries: number
  /** Requests that fewer replicas than configured have acknowledged in time. */
  readonly unreplicated: number
  /** Push groups and series that this gateway has removed because they had expired. */
  readonly expired: number
  /** Push groups that were read because they had changed. */
  readonly groupsRead: number
  /** Push groups and series of Redis that could not be decoded. */
  readonly malformed: number
  /** Estimated memory of decoded push groups, bytes. */
  readonly cachedBytes: number
}

/** Keeps pushes in Redis: a server, the master of Sentinels, or a Cluster. */
export class RedisPushStore implements PushStore {
  readonly failed: Promise<never>
  readonly #keys: readonly BucketKeys[]
  readonly #session: Session
  readonly #runner: ScriptRunner
  readonly #writer: Writer
  readonly #reader: Reader
  readonly #figures = new Figures()
  readonly #inFlight = new Set<Promise<unknown>>()
  readonly #pruning = new Set<number>()
  #fail: (error: Error) => void = () => {}
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #refused = 0
  #unreplicated = 0
  #expired = 0

  constructor(
    private readonly options: RedisOptions,
    private readonly logger: Logger,
    clock: Clock = systemClock,
  ) {
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.failed.catch(() => {}) // Callers may ignore this promise: mark a rejection as handled.
    this.#keys = bucketKeys(options.keyPrefix)
    this.#session = new Session({
      options,
      logger,
      warnings: new RepeatedWarnings(logger, clock),
      onConnection: () => this.#reader.onConnection(),
      onFailure: error => this.#fail(error),
    })
    this.#runner = new ScriptRunner(this.#session, options.timeoutMs)
    this.#writer = new Writer(this.#runner, {
      keys: this.#keys,
      onWritten: (bucket, { figures, expired }) => {
        this.#figures.set(bucket, figures)
        this.#expired += expired
      },
      replicated: answers => this.#replicated(answers),
    })
    this.#reader = new Reader(this.#runner, {
      keys: this.#keys,
      maxReadBytes: options.maxReadBytes,
      onBucket: (bucket, { figures }) => this.#figures.set(bucket, figures),
      onExpired: bucket => this.#prune(bucket),
    })
  }

  async start(): Promise<void> {
    const { waitReplicas } = this.options
    this.logger.warn(
      waitReplicas === 0
        ? 'Redis replicates asynchronously: a failover can lose acknowledged pushes; set --redis.wait-replicas'
        : 'Redis replicates asynchronously: a failover to a replica that has not acknowledged a push loses it',
      { wait_replicas: waitReplicas },
    )
    this.logger.info('the consistency of pushes is checked within each push group only')
    this.#session.start()
    this.#scheduleFigures(0)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await Promise.allSettled(this.#inFlight)
    this.#session.stop()
  }

  submit(request: PushRequest): Promise<Outcome> {
    return this.#accept(() => this.#writer.submit(request))
  }

  read(): Promise<PushView> {
    return this.#accept(() => this.#reader.read())
  }

  held(): Held {
    const { groups, samples, bytes, series } = this.#figures.total
    const { conflicts } = this.#reader.cached.content.held()
    return { groups, samples, bytes, conflicts, ingested: series }
  }

  trouble(): string | undefined {
    return this.#stopped ? 'this gateway is stopping' : this.#session.trouble()
  }

  metrics(): RedisStoreMetrics {
    return {
      inFlight: this.#inFlight.size,
      refused: this.#refused,
      retries: this.#runner.retries,
      unreplicated: this.#unreplicated,
      expired: this.#expired,
      groupsRead: this.#reader.groupsRead,
      malformed: this.#reader.malformed,
      cachedBytes: this.#reader.cached.bytes,
    }
  }

  async #accept<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stopped) throw new StoreUnavailable('this gateway is stopping', false)
    const { maxInFlight } = this.options
    if (this.#inFlight.size >= maxInFlight) {
      this.#refused++
      throw new StoreUnavailable(
        `${maxInFlight} requests to Redis are in progress; try again, or raise --redis.max-in-flight`,
        false,
      )
    }
    const result = work()
    this.#inFlight.add(result)
    try {
      return await result
    } catch (error) {
      throw unavailable(error)
    } finally {
      this.#inFlight.delete(result)
    }
  }

  /** @throws StoreUnavailable */
  async #replicated(answers: readonly Answer[]): Promise<void> {
    const { waitReplicas, waitTimeoutMs } = this.options
    if (waitReplicas === 0) return
    const connections = [...new Set(answers.map(({ connection }) => connection))]
    for (const connection of connections) {
      const problem = await connection.acknowledged(waitReplicas, waitTimeoutMs).then(
        replicas =>
          replicas < waitReplicas
            ? `${replicas} of ${waitReplicas} replicas have acknowledged the request within ${waitTimeoutMs} ms`
            : undefined,
        error => `the replicas are not known to have the request: ${(error as Error).message}`,
      )
      if (problem === undefined) continue
      this.#unreplicated++
      throw new StoreUnavailable(
        `${problem}; it is stored on the master, restore the replicas or lower --redis.wait-replicas`,
        true,
      )
    }
  }

  /** Removes what has expired. What remains if that fails is found again. */
  #prune(bucket: number): void {
    if (this.#stopped || this.#pruning.has(bucket)) return
    this.#pruning.add(bucket)
    const { meta, index, due, series, seriesDue } = this.#keys[bucket]
    const keys = [meta, index, due, series, seriesDue]
    this.#runner
      .run(bucket, PRUNE, keys, [randomBytes(16)])
      .then(({ reply }) => {
        const { figures, expired } = parseWrite(reply)
        this.#figures.set(bucket, figures)
        this.#expired += expired
      })
      .catch(() => {})
      .finally(() => this.#pruning.delete(bucket))
  }

  #scheduleFigures(ms: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#readFigures().then(
        () => this.#scheduleFigures(FIGURES_MS),
        () => this.#scheduleFigures(FIGURES_MS / 10),
      )
    }, ms)
  }

  /** Other gateways change the figures too. It is also a sign of life on an idle connection. */
  async #readFigures(): Promise<void> {
    for (let from = 0; from < BUCKETS && !this.#stopped; from += FIGURES_BATCH) {
      const batch = Array.from({ length: FIGURES_BATCH }, (_, i) => from + i)
      await Promise.all(batch.map(bucket => this.#readBucketFigures(bucket)))
    }
  }

  async #readBucketFigures(bucket: number): Promise<void> {
    const names = ['groups', 'samples', 'bytes', 'series', 'seriesBytes']
    const { reply } = await this.#runner.read(bucket, 'hmget', [this.#keys[bucket].meta, ...names])
    const [groups, samples, bytes, series, seriesBytes] = (reply as readonly unknown[]).map(Number)
    const figures: BucketFigures = {
      groups,
      samples: samples + series,
      bytes: bytes + seriesBytes,
      series,
    }
    this.#figures.set(bucket, figures)
  }
}
