import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { RepeatedWarnings } from '../../shared/base/repeated-warnings.js'
import { createGroupConsumer } from '../../shared/kafka/group-consumer.js'
import { createSender, type Sender } from '../../shared/kafka/sender.js'
import type { GroupConsumer, KafkaConfig } from '../../shared/kafka/types.js'
import { WriteReader } from '../../shared/metrics/remote-write/reader.js'
import { OrderedOutbox } from '../../shared/publish/ordered-outbox.js'
import { commitText, MirrorStart } from './mirror-start.js'
import { PartitionMirror } from './partition-mirror.js'
import { noPublishingFigures, type PublishingFigures } from './publishing-figures.js'
import { MemoryBudget } from './state/budget.js'
import { type MirrorFigures, noMirrorFigures } from './state/figures.js'
import type { MirroredTarget } from './state/mirrored-target.js'
import type { MirrorOptions } from './state/options.js'

export interface MirrorsOptions extends MirrorOptions {
  readonly kafka: KafkaConfig
  /** Topic of the writes, and that of the snapshots. */
  readonly writes: string
  readonly snapshots: string
  readonly group: string
  /** `group.instance.id`, and what is called when another process uses it. Default: none. */
  readonly instanceId?: string | undefined
  readonly onDuplicate?: ((error: Error) => void) | undefined
  /** Maximum bytes of the records that wait for the brokers. */
  readonly maxBytes: number
  /** Memory that mirrors may take, read at each question. */
  readonly memory: () => number
  readonly clock: Clock
  readonly logger: Logger
  /** Default: that of the group consumer. */
  readonly sessionTimeout?: number | undefined
}

const SEND_TIMEOUT_MS = 5_000

/** A mirror and how far it is. */
export interface MirrorStatus {
  readonly target: MirroredTarget
  /** Log time of its partition, Unix ms. */
  readonly time: number
}

/**
 * Makes virtual targets of what came by remote write, for the partitions of the topic of writes
 * that this gateway owns in the group. Call `start` once and `stop` once.
 */
export class Mirrors {
  readonly figures: MirrorFigures = noMirrorFigures()
  readonly publishing: PublishingFigures = noPublishingFigures()
  readonly #budget: MemoryBudget
  readonly #sender: Sender
  readonly #outbox: OrderedOutbox
  readonly #consumer: GroupConsumer
  readonly #start: MirrorStart
  readonly #warnings: RepeatedWarnings
  readonly #assigned = new Set<number>()
  readonly #partitions = new Map<number, PartitionMirror>()

  constructor(private readonly options: MirrorsOptions) {
    const { kafka, writes, snapshots, group, maxBytes, clock, logger, sessionTimeout } = options
    this.#budget = new MemoryBudget(options.memory)
    this.#warnings = new RepeatedWarnings(logger, clock)
    this.#start = new MirrorStart(options)
    this.#sender = createSender({ kafka, topic: snapshots, logger, sendTimeout: SEND_TIMEOUT_MS })
    this.#outbox = new OrderedOutbox({ sender: this.#sender, clock, maxBytes })
    this.#consumer = createGroupConsumer({
      kafka,
      topic: writes,
      group,
      start: this.#start,
      commits: true,
      clock,
      logger,
      sessionTimeout,
      instanceId: options.instanceId,
      onDuplicate: options.onDuplicate,
      listener: {
        onAssignment: ({ kept, fresh, lost }) => {
          for (const partition of [...lost, ...fresh]) this.#close(partition)
          this.#assigned.clear()
          for (const partition of [...kept, ...fresh]) this.#assigned.add(partition)
        },
        onReplay: (partition, from) => this.#open(partition, from),
        onRebalancing() {},
        onRevoking: partitions => this.#settle(partitions),
        onRecords: (partition, records, { next, highWatermark }) =>
          this.#partitions.get(partition)?.onRecords(records, next, highWatermark),
        onFetched: (partition, next, highWatermark, mono) =>
          this.#partitions.get(partition)?.onFetched(next, highWatermark, mono),
        onFetchError: error =>
          this.#warnings.warn('fetch', `Cannot read ${writes} for mirrors: ${error.message}`),
      },
    })
  }

  /** Bytes of the records that wait for the brokers. */
  get pendingBytes(): number {
    return this.#outbox.bytes
  }

  /** Memory of what mirrors hold, bytes. */
  get bytes(): number {
    return this.#budget.bytes
  }

  get lookbackMs(): number {
    return this.options.lookbackMs
  }

  /** Number of partitions that this gateway mirrors. */
  get partitions(): number {
    return this.#assigned.size
  }

  /** Records that are not applied yet, as of the last fetch. */
  get lagRecords(): number {
    let lag = 0
    for (const { position } of this.#partitions.values())
      lag += Math.max(0, position.end - position.next)
    return lag
  }

  /** Time for which the end of the log of some partition has not been read, seconds. */
  get lagSeconds(): number {
    const { mono } = this.options.clock.now()
    let lag = 0
    for (const { endReadAt } of this.#partitions.values())
      lag = Math.max(lag, (mono - endReadAt) / 1000)
    return lag
  }

  *targets(): Generator<MirrorStatus> {
    for (const partition of this.#partitions.values()) {
      const { time } = partition
      for (const target of partition.targets) yield { target, time }
    }
  }

  async start(): Promise<void> {
    await this.#consumer.start()
  }

  /** Leaves the group first, so that another gateway goes on at once. */
  async stop(): Promise<void> {
    await this.#consumer.stop()
    for (const partition of [...this.#partitions.keys()]) this.#close(partition)
    this.#outbox.stop()
    await this.#sender.disconnect()
  }

  #open(partition: number, from: number): void {
    this.#close(partition)
    const { clock } = this.options
    const reader = new WriteReader()
    this.#partitions.set(
      partition,
      new PartitionMirror({
        context: { options: this.options, figures: this.figures, budget: this.#budget },
        outbox: this.#outbox,
        figures: this.publishing,
        read: value => reader.readInSteps(value, '2.0'),
        clock,
        from,
        publishedFrom: this.#start.takePublishedFrom(partition),
        commit: origin => this.#consumer.commit(partition, origin.offset, commitText(origin)),
        onError: error => this.#warnings.warn('mirror', `Cannot mirror: ${error.message}`),
      }),
    )
  }

  #close(partition: number): void {
    this.#partitions.get(partition)?.close()
    this.#partitions.delete(partition)
  }

  async #settle(partitions: readonly number[]): Promise<void> {
    await Promise.all(partitions.map(partition => this.#partitions.get(partition)?.settle()))
  }
}
