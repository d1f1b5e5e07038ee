import type { Logger } from '../../shared/base/logger.js'
import { awaitTopic } from '../../shared/kafka/await-topic.js'
import { Publisher, type PublisherOptions } from '../publish/publisher.js'
import type { Figure } from '../telemetry/figures.js'
import { duplicateGateway } from './duplicate-gateway.js'

/** What runs beside the store of a gateway. Call `start` once and `stop` once. */
export interface Companion {
  start(): void
  stop(): Promise<void>
  /** Rejects when it cannot continue, with an error that names the remedy. */
  readonly failed: Promise<never>
}

/** Publishes push groups once the topic of the snapshots is there. */
export class Publishing implements Companion {
  readonly failed: Promise<never>
  readonly publisher: Publisher
  readonly #stopping = new AbortController()
  #fail!: (error: Error) => void
  #starting: Promise<void> = Promise.resolve()
  #isStarted = false

  constructor(private readonly options: PublisherOptions) {
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.publisher = new Publisher({
      ...options,
      onDuplicate: () => this.#fail(duplicateGateway(options)),
    })
    // Callers may ignore this promise: mark a rejection as handled.
    this.failed.catch(() => {})
  }

  start(): void {
    this.#starting = this.#start(this.options.logger).catch(error => this.#fail(error))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#starting
    if (this.#isStarted) await this.publisher.stop()
  }

  async #start(logger: Logger): Promise<void> {
    const { kafka, topic } = this.options
    const { signal } = this.#stopping
    const awaited = { kafka, topic, key: 'snapshots', role: 'gateway', mayBeMissing: true } as const
    await awaitTopic(awaited, logger, () => {}, signal)
    if (signal.aborted) return
    this.#isStarted = true
    await this.publisher.start()
  }
}

export function publishingFigures({ publisher }: Publishing): Figure[] {
  const { figures } = publisher
  return [
    {
      name: 'gateway_publish_owner',
      help: 'Whether this gateway publishes the push groups.',
      read: () => Number(publisher.isOwner),
    },
    {
      name: 'gateway_publish_targets',
      help: 'Number of push groups that this gateway publishes.',
      read: () => figures.targets,
    },
    {
      name: 'gateway_publish_unpublishable_groups',
      help: 'Number of push groups whose grouping key cannot identify a target of its own.',
      read: () => figures.unpublishable,
    },
    {
      name: 'gateway_publish_dropped_series',
      help: 'Number of series that cannot be part of a snapshot.',
      read: () => figures.droppedSeries,
    },
    {
      name: 'gateway_publish_snapshots_total',
      help: 'Total number of snapshots that were published.',
      read: () => figures.snapshots,
    },
    {
      name: 'gateway_publish_ends_total',
      help: 'Total number of ends of removed push groups that were published, repeated ones included.',
      read: () => figures.ends,
    },
    {
      name: 'gateway_publish_skipped_total',
      help: 'Total number of snapshots that were due while this gateway could not publish.',
      read: () => figures.skipped,
    },
    {
      name: 'gateway_publish_refused_total',
      help: 'Total number of snapshots and ends that the brokers refused.',
      read: () => figures.refused,
    },
    {
      name: 'gateway_publish_pending_bytes',
      help: 'Size of the snapshots that wait for the brokers.',
      read: () => publisher.pendingBytes,
    },
  ]
}
