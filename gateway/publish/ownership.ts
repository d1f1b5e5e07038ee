import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { createGroupConsumer } from '../../shared/kafka/group-consumer.js'
import { replayWindow } from '../../shared/kafka/start.js'
import type { GroupConsumer, KafkaConfig } from '../../shared/kafka/types.js'

export interface OwnershipOptions {
  readonly kafka: KafkaConfig
  /** The topic with one partition whose owner publishes. */
  readonly topic: string
  readonly group: string
  /** `group.instance.id`, and what is called when another process uses it. Default: none. */
  readonly instanceId?: string | undefined
  readonly onDuplicate?: ((error: Error) => void) | undefined
  /** Milliseconds. Default: that of the group consumer. */
  readonly sessionTimeout?: number | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/** Whether this gateway is the one that publishes. */
export class PublisherOwnership {
  readonly #consumer: GroupConsumer
  #isAssigned = false

  constructor(private readonly options: OwnershipOptions) {
    const ignore = () => {}
    this.#consumer = createGroupConsumer({
      ...options,
      start: replayWindow(0),
      reads: false,
      listener: {
        onAssignment: ({ kept, fresh }) => {
          this.#isAssigned = kept.length + fresh.length > 0
        },
        onReplay: ignore,
        onRebalancing: ignore,
        onRecords: ignore,
        onFetched: ignore,
        onFetchError: ignore,
      },
    })
  }

  /** False also when the lease has ended: another gateway may publish then. */
  get isOwner(): boolean {
    return this.#isAssigned && this.options.clock.now().mono < this.#consumer.leaseUntil()
  }

  start(): Promise<void> {
    return this.#consumer.start()
  }

  async stop(): Promise<void> {
    this.#isAssigned = false
    await this.#consumer.stop()
  }
}
