import { asError } from '../../../shared/base/as-error.js'
import { settlesWithin } from '../../../shared/base/deadline.js'
import type { Logger } from '../../../shared/base/logger.js'
import { RepeatedWarnings } from '../../../shared/base/repeated-warnings.js'
import { runInSlices } from '../../../shared/base/steps.js'
import { awaitTopic } from '../../../shared/kafka/await-topic.js'
import { type KafkaError, outageKind } from '../../../shared/kafka/errors.js'
import { Appender } from '../../../shared/kafka/log/appender.js'
import type { FollowOptions } from '../../../shared/kafka/log/follow.js'
import { Backoff, Wakeup } from '../../../shared/kafka/timing.js'
import { Cluster } from '../../../shared/kafka/wire/cluster.js'
import type { StateMachine } from '../../state/machine.js'
import { encodeRequest, encodeRequestInSteps, recordBytes } from '../../state/request-codec.js'
import type { Outcome, PushRequest } from '../../state/types.js'
import type { Held, PushView } from '../../state/view.js'
import type { LogProgress } from '../progress.js'
import { type PushStore, StoreUnavailable } from '../store.js'
import { noFigures, type StoreFigures } from './figures.js'
import { DEFAULT_SETTINGS, type KafkaStoreOptions, type KafkaStoreSettings } from './options.js'
import { Restore, type Restored } from './restore.js'
import { Session } from './session.js'
import { SnapshotTopic } from './snapshots/snapshot-topic.js'
import { Submissions } from './submissions.js'

/** A store whose gateways apply one log of requests. */
export interface KafkaStore extends PushStore {
  readonly figures: Readonly<StoreFigures>
  /** Seconds for which this gateway has not been at the end of the log; Infinity before it was. */
  lag(): number
  /** Requests without a result, and the bytes of their records. */
  pending(): { readonly requests: number; readonly bytes: number }
  /** Why the brokers cannot be read, in one sentence; undefined if they can. Reads go on. */
  outage(): string | undefined
  /** How far the log was followed; undefined while the state is loaded. */
  progress(): LogProgress | undefined
  /** The state and its log time (Unix ms), for publishing; undefined while it is not ready. */
  current(): { readonly machine: StateMachine; readonly time: number } | undefined
}

/** A leader is looked up and connected to more than once before the deadline of a record. */
const LOOKUP_TIMEOUT_MS = 2_000
const MAX_BATCH_BYTES = 1024 * 1024
/** Encoded in less than a millisecond. */
const ENCODED_AT_ONCE_BYTES = 256 * 1024
const NOTHING_HELD: Held = { groups: 0, samples: 0, bytes: 0, conflicts: 0, ingested: 0 }
const STOPPING = 'this gateway is stopping'

/** @throws KafkaError if the address of a broker is malformed */
export function createKafkaStore(options: KafkaStoreOptions): KafkaStore {
  return new LogStore(options)
}

class LogStore implements KafkaStore {
  readonly failed: Promise<never>
  readonly figures = noFigures()
  readonly #settings: KafkaStoreSettings
  readonly #logger: Logger
  readonly #warnings: RepeatedWarnings
  readonly #cluster: Cluster
  /** Its own one: it gives up sooner. */
  readonly #appending: Cluster
  readonly #log: FollowOptions
  readonly #appender: Appender
  readonly #submissions: Submissions
  readonly #snapshots: SnapshotTopic
  readonly #restore: Restore
  readonly #stopping = new AbortController()
  readonly #pause = new Wakeup()
  #fail!: (error: Error) => void
  #running: Promise<void> = Promise.resolve()
  #session: Session | undefined
  /** The last of the requests that are encoded in slices, or wait for that. */
  #encoding: Promise<void> | undefined
  #trouble: string | undefined = 'this gateway is starting'
  #outage: string | undefined
  /** Requests are no longer accepted; those in progress go on. */
  #isStopping = false

  constructor(private readonly options: KafkaStoreOptions) {
    const { kafka, topics, clock, logger, acceptGap, onAppended } = options
    const settings = { ...DEFAULT_SETTINGS, ...options.settings }
    const { figures } = this
    this.#settings = settings
    this.#logger = logger
    this.#warnings = new RepeatedWarnings(logger, clock)
    const cluster = new Cluster(kafka, logger)
    this.#cluster = cluster
    const { connectionTimeout = Infinity, requestTimeout = Infinity } = kafka
    this.#appending = new Cluster(
      {
        ...kafka,
        connectionTimeout: Math.min(connectionTimeout, LOOKUP_TIMEOUT_MS),
        requestTimeout: Math.min(requestTimeout, LOOKUP_TIMEOUT_MS),
      },
      logger,
    )
    const timeout = settings.submitTimeout
    const onError = (error: KafkaError) => this.#onError(error)
    const { signal } = this.#stopping
    this.#log = { cluster, topic: topics.pushes, clock, logger }
    this.#appender = new Appender({
      cluster: this.#appending,
      topic: topics.pushes,
      timeout,
      maxBatchBytes: MAX_BATCH_BYTES,
    })
    const { maxRequests, maxRequestBytes: maxBytes } = settings
    const limits = { timeout, maxRequests, maxBytes }
    this.#submissions = new Submissions(this.#appender, limits, figures, onAppended)
    this.#snapshots = new SnapshotTopic({
      ...this.#log,
      topic: topics.snapshots,
      timeout,
      figures,
      signal,
      onError,
    })
    this.#restore = new Restore({
      log: this.#log,
      snapshots: this.#snapshots,
      logger,
      figures,
      acceptGap,
      signal,
      onError,
    })
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    // Callers may ignore this promise: mark a rejection as handled.
    this.failed.catch(() => {})
  }

  async start(): Promise<void> {
    this.#running = this.#run().catch(error => {
      if (!this.#stopping.signal.aborted) this.#fail(asError(error))
    })
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#submissions.idle()
    if (this.#session?.ready) {
      const { stopTimeout } = this.#settings
      await settlesWithin(stopTimeout, this.#session.writeSnapshot())
    }
    this.#stopping.abort(new Error(STOPPING))
    this.#pause.wake()
    this.#appender.close()
    this.#snapshots.close()
    const stopped = this.#session?.stop()
    this.#cluster.close()
    this.#appending.close()
    await stopped
    await this.#running
  }

  async submit(request: PushRequest): Promise<Outcome> {
    this.#expectReady()
    const { id, checked } = request
    const isSmall = recordBytes(request) <= ENCODED_AT_ONCE_BYTES
    if (isSmall && this.#encoding === undefined)
      return this.#submissions.submit(id, encodeRequest(request), checked)
    return this.#submissions.submit(id, await this.#encoded(request), checked)
  }

  /** In slices, one request after the other, so that they keep their order. */
  #encoded(request: PushRequest): Promise<Buffer> {
    const before = this.#encoding ?? Promise.resolve()
    const record = before.then(() => runInSlices(encodeRequestInSteps(request)))
    const done = record.then(
      () => {},
      () => {},
    )
    this.#encoding = done
    void done.then(() => {
      if (this.#encoding === done) this.#encoding = undefined
    })
    return record
  }

  async read(): Promise<PushView> {
    const { machine, time } = this.#expectReady()
    return machine.view(time)
  }

  held(): Held {
    return this.#session?.machine.held() ?? NOTHING_HELD
  }

  trouble(): string | undefined {
    return this.#isStopping ? STOPPING : this.#trouble
  }

  outage(): string | undefined {
    return this.#outage
  }

  lag(): number {
    return this.#session?.lag() ?? Number.POSITIVE_INFINITY
  }

  pending() {
    return this.#submissions.pending
  }

  progress(): LogProgress | undefined {
    const session = this.#session
    if (!session) return undefined
    const { newest } = this.#snapshots
    const lag = session.lag()
    return {
      topic: this.options.topics.pushes,
      time: session.time(),
      appliedOffset: this.figures.appliedOffset,
      lagRecords: this.figures.lagRecords,
      lagSeconds: Number.isFinite(lag) ? lag : undefined,
      snapshot: newest && {
        offset: newest.header.offset,
        time: newest.header.time,
        bytes: newest.bytes,
      },
    }
  }

  current() {
    const session = this.#session
    if (!session?.ready || this.#isStopping) return undefined
    return { machine: session.machine, time: session.time() }
  }

  #expectReady() {
    const current = this.current()
    if (current) return current
    throw new StoreUnavailable(this.trouble() ?? 'this gateway is not ready: try again', false)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    await this.#awaitTopics()
    while (!signal.aborted) {
      const restored = await this.#restored()
      if (!restored) return
      this.#trouble = 'this gateway is reading the log'
      const session = this.#begin(restored)
      await session.begin()
      if (session.ready) {
        this.#trouble = undefined
        this.#logger.info('Ready', { offset: session.machine.offset })
      }
      const end = await session.ended
      if (end.kind === 'stopped') return
      this.#trouble = end.reason
      await session.stop()
      if (end.kind === 'halt') {
        this.#logger.error('This gateway has stopped to read the log', { reason: end.reason })
        return
      }
      this.#session = undefined
      this.figures.reloads++
      this.#logger.warn('The state is loaded again', { reason: end.reason })
    }
  }

  #begin(restored: Restored): Session {
    const { clock, publishing = false } = this.options
    const session = new Session(restored, {
      log: this.#log,
      snapshots: this.#snapshots,
      submissions: this.#submissions,
      encode: encodeRequest,
      settings: this.#settings,
      publishing,
      clock,
      logger: this.#logger,
      figures: this.figures,
      onError: error => this.#onError(error),
      onFetched: () => {
        this.#outage = undefined
      },
    })
    this.#session = session
    return session
  }

  async #awaitTopics(): Promise<void> {
    const { kafka, topics } = this.options
    const { signal } = this.#stopping
    const awaited = { kafka, role: 'gateway', mayBeMissing: true } as const
    const trouble = (reason: string | undefined) => {
      this.#trouble = reason ?? 'this gateway is loading its state'
    }
    const pushes = { ...awaited, topic: topics.pushes, key: 'pushes' } as const
    const snapshots = { ...awaited, topic: topics.snapshots, key: 'pushSnapshots' } as const
    await awaitTopic(pushes, this.#logger, trouble, signal)
    await awaitTopic(snapshots, this.#logger, trouble, signal)
  }

  /** Tries until there is a state. Undefined if there will be none. */
  async #restored(): Promise<Restored | undefined> {
    const { signal } = this.#stopping
    const backoff = new Backoff(200, 5_000)
    while (!signal.aborted) {
      const result = await this.#restore.attempt()
      if ('machine' in result) return result
      if (result.kind === 'changed') continue
      if (result.kind === 'outage') {
        this.#trouble = `waiting for Kafka: ${result.error.message}`
        this.#onError(result.error)
        await this.#pause.wait(backoff.next())
      } else if (result.kind === 'gap') {
        this.#trouble = `the log has a gap: ${result.reason}. Pushes may be lost. Start this gateway with --log.accept-gap to go on with what is left`
        await this.#pause.wait(this.#settings.gapRetry)
      } else {
        this.#trouble = result.reason
        this.#logger.error('This gateway does not start', { reason: result.reason })
        return undefined
      }
    }
    return undefined
  }

  #onError(error: KafkaError): void {
    if (this.#stopping.signal.aborted) return
    this.#outage = error.message
    this.#warnings.warn(outageKind(error), `Cannot read from Kafka: ${error.message}`)
  }
}
