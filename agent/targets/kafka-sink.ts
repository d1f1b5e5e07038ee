import type { Clock } from '../../shared/base/clock.js'
import { settlesWithin } from '../../shared/base/deadline.js'
import type { Logger } from '../../shared/base/logger.js'
import { awaitTopic } from '../../shared/kafka/await-topic.js'
import { createSender, type Sender } from '../../shared/kafka/sender.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import { ConflatingOutbox } from '../../shared/publish/conflating-outbox.js'
import { publicationOf } from '../../shared/publish/publications.js'
import { Report } from '../../shared/publish/report.js'
import type { Sink, SinkCounts, SinkTarget, TargetSink } from './sink.js'

const SEND_TIMEOUT_MS = 5000
const DISCONNECT_MS = 500

export interface KafkaSinkOptions {
  readonly kafka: KafkaConfig
  /** Topic of the snapshots. */
  readonly topic: string
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * Publishes collections to Kafka, each target as if it had published itself. Of each target one
 * snapshot is in flight and one waits, which a newer one supersedes: memory is constant while the
 * brokers are away.
 */
export class KafkaSink implements Sink {
  readonly #sender: Sender
  readonly #outbox: ConflatingOutbox
  readonly #report: Report
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  readonly failed: Promise<never>
  #fail!: (error: Error) => void
  #checking: Promise<void> = Promise.resolve()
  #topicTrouble: string | undefined
  readonly #open = new Set<Pick<SinkCounts, 'superseded'>>()
  #failures = 0
  #trouble: string | undefined

  constructor(private readonly options: KafkaSinkOptions) {
    const { kafka, topic, clock, logger } = options
    this.#clock = clock
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    // Callers may ignore this promise: mark a rejection as handled.
    this.failed.catch(() => {})
    this.#report = new Report(logger)
    this.#sender = createSender({
      kafka,
      topic,
      logger: this.#report.clientLogger,
      sendTimeout: SEND_TIMEOUT_MS,
    })
    this.#outbox = new ConflatingOutbox({ sender: this.#sender, clock })
  }

  get bytes(): number {
    return this.#outbox.bytes
  }

  get failures(): number {
    return this.#failures
  }

  async start(): Promise<void> {
    const { kafka, topic, logger } = this.options
    const awaited = { kafka, topic, key: 'snapshots', role: 'agent', mayBeMissing: true } as const
    const { signal } = this.#stopping
    this.#checking = awaitTopic(
      awaited,
      logger,
      reason => {
        this.#topicTrouble = reason
      },
      signal,
    ).catch(error => this.#fail(error))
  }

  trouble(): string | undefined {
    return this.#topicTrouble ?? this.#trouble
  }

  open({ key }: SinkTarget): TargetSink {
    const target = this.#outbox.target(key, {
      acknowledged: () => {
        if (this.#trouble === undefined) return
        this.#trouble = undefined
        this.#report.acknowledged(this.#superseded())
      },
      failed: error => {
        this.#failures++
        this.#trouble = error.message
        this.#report.sendFailed(error, this.#clock.now().mono)
      },
    })
    const { counts } = target
    this.#open.add(counts)
    let isClosed = false
    return {
      // What is held of a closed target is given up.
      get counts() {
        const { offered, superseded, held } = counts
        const givenUp = isClosed ? held : 0
        return { offered, superseded: superseded + givenUp, refused: 0, held: held - givenUp }
      },
      offer: collected => target.offer(publicationOf(collected)),
      drain: () => target.drain(),
      close: () => {
        isClosed = true
        this.#open.delete(counts)
        target.close()
      },
    }
  }

  /** Snapshots of the open targets that newer ones have replaced. */
  #superseded(): number {
    let sum = 0
    for (const { superseded } of this.#open) sum += superseded
    return sum
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#checking
    this.#outbox.stop()
    await settlesWithin(DISCONNECT_MS, this.#sender.disconnect())
  }
}
