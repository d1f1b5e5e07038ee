import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../shared/base/clock.js'
import type { Logger } from '../../../shared/base/logger.js'
import type { KafkaError } from '../../../shared/kafka/errors.js'
import { type FollowOptions, followLog } from '../../../shared/kafka/log/follow.js'
import { Wakeup } from '../../../shared/kafka/timing.js'
import type { StateMachine } from '../../state/machine.js'
import { ID_BYTES } from '../../state/request-codec.js'
import type { PushRequest } from '../../state/types.js'
import { StoreUnavailable } from '../store.js'
import { Applier } from './applier.js'
import type { StoreFigures } from './figures.js'
import { LogClock } from './log-clock.js'
import type { KafkaStoreSettings } from './options.js'
import type { Restored } from './restore.js'
import { SnapshotKeeper } from './snapshots/keeper.js'
import type { SnapshotTopic } from './snapshots/snapshot-topic.js'
import type { Submissions } from './submissions.js'
import { Ticker } from './ticker.js'

export interface SessionOptions {
  readonly log: FollowOptions
  readonly snapshots: SnapshotTopic
  readonly submissions: Submissions
  readonly encode: (request: PushRequest) => Buffer
  readonly settings: KafkaStoreSettings
  readonly publishing: boolean
  readonly clock: Clock
  readonly logger: Logger
  readonly figures: StoreFigures
  onError(error: KafkaError): void
  /** A response of the brokers has arrived. */
  onFetched(): void
}

/** Why a session has ended. */
export type SessionEnd =
  /** The log does not continue at the position: load the state again. */
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'halt'; readonly reason: string }
  | { readonly kind: 'stopped' }

/** A response of an idle log arrives twice a second. */
const SILENT_AFTER_MS = 2_000
const TICK_RETRY_MS = 500

/** From loading a state until the log no longer continues it: follows the log and applies it. */
export class Session {
  readonly machine: StateMachine
  readonly ended: Promise<SessionEnd>
  readonly #options: SessionOptions
  readonly #logClock = new LogClock()
  readonly #applier: Applier
  readonly #ticker: Ticker
  readonly #keeper: SnapshotKeeper
  readonly #stopFollowing: () => Promise<void>
  /** Wakes when the log was read up to its end at the start, or at the end of the session. */
  readonly #caughtUp = new Wakeup()
  readonly #until: number
  #end!: (end: SessionEnd) => void
  #isOver = false
  #ready = false
  #current = Number.NEGATIVE_INFINITY
  #fetched = Number.NEGATIVE_INFINITY

  constructor({ machine, end, hasGap }: Restored, options: SessionOptions) {
    const { log, settings, clock, logger, figures, submissions, snapshots } = options
    this.machine = machine
    this.#options = options
    this.#until = end
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
    const halt = (reason: string) => this.#finish({ kind: 'halt', reason })
    this.#applier = new Applier(machine, this.#logClock, clock, figures, {
      onApplied: (id, record, outcome) => submissions.applied(id, record, outcome),
      onHalt: halt,
    })
    this.#keeper = new SnapshotKeeper({
      log,
      topic: snapshots,
      applier: this.#applier,
      hasGap,
      settings,
      figures,
      logger,
      time: () => this.time(),
      onHalt: halt,
    })
    this.#ticker = new Ticker({
      after: settings.tickAfter,
      spread: settings.tickSpread,
      idle: () => clock.now().mono - this.#applier.lastRecordAt,
      wanted: () => options.publishing || machine.needsTime,
      tick: () => this.#tick(),
    })
    figures.appliedOffset = machine.offset - 1
    this.#stopFollowing = followLog(log, machine.offset, {
      onRecords: async records => {
        await this.#applier.apply(records)
        if (this.#ready) this.#keeper.onApplied()
      },
      onFetched: (next, highWatermark, mono) => this.#onFetched(next, highWatermark, mono),
      onLost: reason => this.#finish({ kind: 'lost', reason }),
      onError: error => options.onError(error),
    })
  }

  /** Whether the log of the start and the own tick were applied, and the session goes on. */
  get ready(): boolean {
    return this.#ready
  }

  /** Log time, Unix ms. */
  time(): number {
    return this.#logClock.now(this.#options.clock.now().mono)
  }

  /** Seconds for which this gateway has not been at the end of the log; Infinity before it was. */
  lag(): number {
    const { mono } = this.#options.clock.now()
    const isCurrent = this.#current === this.#fetched && mono - this.#fetched < SILENT_AFTER_MS
    return isCurrent ? 0 : (mono - this.#current) / 1000
  }

  /** Resolves when the session is ready or has ended. */
  async begin(): Promise<void> {
    while (!this.#isOver && this.machine.offset < this.#until) await this.#caughtUp.wait(1_000)
    // It is applied after all that was acknowledged before, and tells the time.
    while (!this.#isOver && !(await this.#tick())) await this.#caughtUp.wait(TICK_RETRY_MS)
    if (this.#isOver) return
    this.#ready = true
    this.#ticker.start()
    this.#keeper.start()
  }

  /** Ends applying. Resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#finish({ kind: 'stopped' })
    await this.#keeper.stop()
    await this.#stopFollowing()
  }

  /** Writes a snapshot for the next start. Never rejects. */
  async writeSnapshot(): Promise<void> {
    await this.#keeper.stop()
    await this.#keeper.writeNow()
  }

  #finish(end: SessionEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#ready = false
    this.#ticker.stop()
    this.#applier.stop()
    this.#caughtUp.wake()
    this.#end(end)
  }

  #onFetched(next: number, highWatermark: number, mono: number): void {
    // Offsets at the end that have no record.
    if (!this.#isOver && next > this.machine.offset) this.machine.skipTo(next)
    this.#fetched = mono
    if (next >= highWatermark) this.#current = mono
    this.#options.figures.lagRecords = Math.max(0, highWatermark - next)
    if (this.machine.offset >= this.#until) this.#caughtUp.wake()
    this.#options.onFetched()
  }

  /** @returns whether it was applied */
  async #tick(): Promise<boolean> {
    const { submissions, encode } = this.#options
    const id = randomBytes(ID_BYTES)
    const record = encode({
      id,
      method: 'tick',
      labels: [],
      families: [],
      expiryMs: 0,
      checked: false,
    })
    try {
      await submissions.submit(id, record, true)
      return true
    } catch (error) {
      if (error instanceof StoreUnavailable) return false
      throw error
    }
  }
}
