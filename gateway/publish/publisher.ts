import { asError } from '../../shared/base/as-error.js'
import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { RepeatedWarnings } from '../../shared/base/repeated-warnings.js'
import { Slice } from '../../shared/base/scheduling.js'
import { AppendBound } from '../../shared/kafka/append-bound.js'
import { createSender, type Sender } from '../../shared/kafka/sender.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import { OrderedOutbox, OutboxClosed } from '../../shared/publish/ordered-outbox.js'
import type { StateMachine } from '../state/machine.js'
import { noPublisherFigures, type PublisherFigures } from './figures.js'
import { PublisherOwnership } from './ownership.js'
import { PublishedGroups } from './published-groups.js'

export interface PublisherOptions {
  readonly kafka: KafkaConfig
  /** Topic of the snapshots. */
  readonly topic: string
  /** Topic of the log, whose owner publishes. */
  readonly log: string
  readonly group: string
  /** `group.instance.id`, and what is called when another process uses it. Default: none. */
  readonly instanceId?: string | undefined
  readonly onDuplicate?: ((error: Error) => void) | undefined
  /** Milliseconds. Default: that of the group consumer. */
  readonly sessionTimeout?: number | undefined
  readonly intervalMs: number
  /** Maximum bytes of the records that wait for the brokers. */
  readonly maxBytes: number
  readonly clock: Clock
  readonly logger: Logger
  /** The state and its log time, Unix ms; undefined while the store is not ready. */
  readonly current: () => { readonly machine: StateMachine; readonly time: number } | undefined
}

const ROUND_MS = 100
const SEND_TIMEOUT_MS = 5_000

/**
 * Publishes the push groups as targets, while this gateway owns the log's partition in the group.
 * Call `start` once and `stop` once.
 */
export class Publisher {
  readonly figures: PublisherFigures = noPublisherFigures()
  readonly #ownership: PublisherOwnership
  readonly #sender: Sender
  readonly #outbox: OrderedOutbox
  readonly #bound = new AppendBound()
  readonly #warnings: RepeatedWarnings
  #groups: PublishedGroups | undefined
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(private readonly options: PublisherOptions) {
    const { kafka, topic, log, maxBytes, clock, logger } = options
    const { group, instanceId, onDuplicate, sessionTimeout } = options
    const member = { group, instanceId, onDuplicate, sessionTimeout }
    this.#ownership = new PublisherOwnership({ kafka, topic: log, ...member, clock, logger })
    this.#sender = createSender({
      kafka,
      topic,
      logger,
      sendTimeout: SEND_TIMEOUT_MS,
      onAppended: time => this.#bound.observe(time, clock.now().mono),
    })
    this.#outbox = new OrderedOutbox({ sender: this.#sender, clock, maxBytes })
    this.#warnings = new RepeatedWarnings(logger, clock)
  }

  get isOwner(): boolean {
    return this.#ownership.isOwner
  }

  /** Bytes of the records that wait for the brokers. */
  get pendingBytes(): number {
    return this.#outbox.bytes
  }

  async start(): Promise<void> {
    await this.#ownership.start()
    this.#arm()
  }

  /** Leaves the group first, so that another gateway goes on at once. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#outbox.stop()
    await this.#round
    await this.#ownership.stop()
    await this.#sender.disconnect()
  }

  #arm(): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#round = this.#publish()
        .catch(error => {
          if (!(error instanceof OutboxClosed))
            this.#warnings.warn('publish', `Cannot publish: ${asError(error).message}`)
        })
        .then(() => this.#arm())
    }, ROUND_MS)
  }

  async #publish(): Promise<void> {
    const { current, clock, intervalMs } = this.options
    const state = this.isOwner ? current() : undefined
    if (state === undefined) {
      this.#groups?.close()
      this.#groups = undefined
      this.figures.targets = 0
      return
    }
    this.#groups ??= new PublishedGroups(this.#outbox, intervalMs, this.figures)
    const time = Math.min(state.time, this.#bound.at(clock.now().mono))
    await this.#groups.look(state.machine, time)
    const slice = new Slice()
    for (const publish of this.#groups.due(state.machine, time)) {
      // The lease may end while the outbox has no room.
      if (!this.isOwner) return
      await publish()
      if (slice.isOver()) await slice.next()
    }
  }
}
