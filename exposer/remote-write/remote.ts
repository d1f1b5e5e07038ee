import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { latin1 } from '../../shared/exposition/layout-text.js'
import { createHttpClient } from '../../shared/http/client/client.js'
import type { ProxyEnvironment } from '../../shared/http/client/no-proxy.js'
import type { HttpClient } from '../../shared/http/client/types.js'
import { instanceIdOf } from '../../shared/kafka/group/instance-id.js'
import { createGroupConsumer } from '../../shared/kafka/group-consumer.js'
import { createSpanReader, type SpanReader } from '../../shared/kafka/log-span.js'
import { checkTopic } from '../../shared/kafka/topics.js'
import type { GroupConsumer, KafkaConfig } from '../../shared/kafka/types.js'
import type { Limits } from '../../shared/metrics/limits.js'
import type { Label } from '../../shared/metrics/model.js'
import type { WriteProtocol } from '../../shared/metrics/remote-write/request.js'
import { type RemoteConfig, WRITES_SUFFIX } from '../../shared/remote-write/config.js'
import { WriteFigures } from '../../shared/remote-write/figures.js'
import { QueueManager, requestsAtOnce } from '../../shared/remote-write/manager.js'
import type { FamilyMetadata } from '../../shared/remote-write/metadata.js'
import { ReportTables } from '../../shared/remote-write/report.js'
import { WrittenRelabelling } from '../../shared/remote-write/written-relabelling.js'
import { RELAYED_RUNS } from '../../shared/snapshot/relayed.js'
import { Shard } from '../core/shard.js'
import type { MemoryLimits } from '../core/store/memory.js'
import { SnapshotFeed } from './snapshot-feed.js'
import { CommittedStart } from './start.js'
import { Tables } from './tables.js'
import { WritesFeed } from './writes-feed.js'

export interface RemoteDependencies {
  readonly config: RemoteConfig
  readonly external: readonly Label[]
  readonly kafka: KafkaConfig
  readonly topic: string
  /** Topic of what gateways receive by remote write; it need not exist. */
  readonly writesTopic: string
  /** The exposer group, from which that of the receiver is named. */
  readonly group: string
  /** URL of this shard, which identifies it in the groups: one that restarts takes its own place. */
  readonly address: string
  readonly sessionTimeout: number
  readonly heartbeatInterval: number
  readonly replayWindow: number
  readonly forgetMs: number
  readonly limits: Limits
  readonly memory: MemoryLimits
  readonly playout: boolean
  readonly proxyEnvironment: ProxyEnvironment
  readonly userAgent: string
  readonly clock: Clock
  readonly logger: Logger
  onRequest(seconds: number): void
}

/** Share of the memory of a receiver that tables of layouts may take. */
const TABLE_SHARE = 1 / 8
/** Share of it that relabelled label sets of the topic of writes may take. */
const LABELS_SHARE = 1 / 16
/** Share of it that encoded labels of protocol 1.0 may take: templates and codes, each half of it. */
const CACHE_SHARE = 1 / 16
/** Share of the memory of a receiver that records of the topic of writes may take. */
const WRITES_SHARE = 1 / 4
/** Interval in which is looked for the topic of writes, ms. */
const WRITES_CHECK_MS = 10_000

/** Everything of one receiver. Call `start` once and `stop` once. */
export class Remote {
  readonly figures = new WriteFigures()
  readonly name: string
  readonly url: string
  readonly #queue: QueueManager
  readonly #feed: SnapshotFeed
  readonly #consumer: GroupConsumer
  readonly #client: HttpClient
  readonly #writes: WritesFeed
  readonly #writesConsumer: GroupConsumer
  readonly #stopping = new AbortController()
  readonly #spans: SpanReader
  readonly #tables: Tables
  readonly #clock: Clock
  readonly #shard: Shard
  readonly #labels: WrittenRelabelling | null

  /** @throws KafkaError when the address of a broker is invalid */
  constructor(private readonly dependencies: RemoteDependencies) {
    const { config, external, kafka, topic, clock, memory } = dependencies
    const { remote, http } = config
    const logger = dependencies.logger
    this.name = remote.name
    this.url = remote.url.origin + remote.url.pathname
    this.#clock = clock
    const { figures } = this
    this.#client = createHttpClient({
      config: http,
      folder: config.folder,
      proxyEnvironment: dependencies.proxyEnvironment,
      maxConnectionsPerHost: requestsAtOnce(remote.queue),
      userAgent: dependencies.userAgent,
      mono: () => clock.now().mono,
    })
    const { relabelling } = config
    this.#tables = new Tables(external, relabelling, Math.floor(memory.total * TABLE_SHARE))
    this.#queue = new QueueManager({
      remote,
      client: this.#client,
      clock,
      logger,
      figures,
      cacheBytes: Math.floor((memory.total * CACHE_SHARE) / 2),
      onRequest: dependencies.onRequest,
      families: () => this.#families(),
    })
    const labelsShare = relabelling ? LABELS_SHARE : 0
    const coreShare = 1 - TABLE_SHARE - labelsShare - CACHE_SHARE - WRITES_SHARE
    const shard = new Shard({
      limits: dependencies.limits,
      playoutDelayMs: dependencies.playout ? 'auto' : 0,
      // However late a push group was relayed, it is sent.
      maxAgeMs: Number.POSITIVE_INFINITY,
      forgetMs: dependencies.forgetMs,
      historyBytes: 0,
      // A mirror is sent as it was written, from the topic of writes.
      ignores: incarnation => incarnation === RELAYED_RUNS.mirror,
      memory: {
        heap: Math.floor(memory.heap * coreShare),
        total: Math.floor(memory.total * coreShare),
      },
      onRefused: ({ reason, message, partition, offset }) => {
        if (reason === 'limit') figures.fail('limit', 1)
        logger.debug('A record is not sent', { reason, message, partition, offset })
      },
    })
    this.#shard = shard
    const start = new CommittedStart(dependencies.replayWindow)
    this.#spans = createSpanReader({ kafka, topic, logger, clock })
    this.#feed = new SnapshotFeed({
      shard,
      clock,
      logger,
      queue: this.#queue,
      figures,
      start,
      blocks: {
        tables: this.#tables,
        reports: new ReportTables(external, relabelling),
        relabelling,
        figures,
        report: true,
        exemplars: config.exemplars,
      },
      playout: dependencies.playout,
      readBack:
        dependencies.forgetMs > dependencies.replayWindow
          ? { spans: this.#spans, forgetMs: dependencies.forgetMs }
          : null,
      commit: (partition, offset, metadata) => this.#consumer.commit(partition, offset, metadata),
      committed: partition => this.#consumer.committed(partition),
    })
    const group = `${dependencies.group}-remote-write-${remote.name}`
    const { sessionTimeout, heartbeatInterval } = dependencies
    const instanceId = instanceIdOf(dependencies.address)
    const timeouts = { sessionTimeout, heartbeatInterval }
    const member = { kafka, instanceId, commits: true, logger, clock, ...timeouts }
    this.#consumer = createGroupConsumer({ ...member, topic, group, start, listener: this.#feed })
    // What was written is sent as it is: no state is needed from before the committed offset.
    const writesStart = new CommittedStart(0)
    this.#labels =
      relabelling && new WrittenRelabelling(relabelling, Math.floor(memory.total * LABELS_SHARE))
    this.#writes = new WritesFeed({
      clock,
      logger,
      queue: this.#queue,
      figures,
      start: writesStart,
      sent: config,
      relabelling: this.#labels,
      maxBytes: Math.floor(memory.total * WRITES_SHARE),
      commit: (partition, offset, metadata) =>
        this.#writesConsumer.commit(partition, offset, metadata),
      committed: partition => this.#writesConsumer.committed(partition),
    })
    this.#writesConsumer = createGroupConsumer({
      ...member,
      topic: dependencies.writesTopic,
      group: group + WRITES_SUFFIX,
      start: writesStart,
      listener: this.#writes,
    })
  }

  async start(): Promise<void> {
    this.#queue.start()
    this.#feed.start()
    await this.#consumer.start()
    void this.#startWrites()
  }

  /** Gives the partitions up after what is in flight was sent, for some seconds. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([this.#consumer.leave(), this.#writesConsumer.leave()])
    this.#feed.stop()
    this.#writes.stop()
    await this.#queue.stop()
    await Promise.all([this.#consumer.stop(), this.#writesConsumer.stop()])
    await this.#spans.stop()
    this.#client.close()
  }

  /** The protocol that the receiver is known to understand, or the first to try. */
  get protocol(): WriteProtocol {
    return this.#queue.protocol
  }

  /** Time that samples may wait for others of their request, seconds. */
  get sendDeadlineSeconds(): number {
    return this.dependencies.config.remote.queue.batchSendDeadlineMs / 1000
  }

  /** Seconds by which sending is behind the end of the log, at most. */
  get lagSeconds(): number {
    const now = this.#clock.now()
    return Math.max(this.#feed.lagSeconds(now), this.#writes.lagSeconds(now))
  }

  /** Partitions of each topic of which this shard sends. */
  get partitions(): Readonly<Record<string, number>> {
    const { topic, writesTopic } = this.dependencies
    return { [topic]: this.#feed.partitions, [writesTopic]: this.#writes.partitions }
  }

  /**
   * Memory of what is held for the receiver, bytes: the states of the targets and what waits of
   * them, tables and labels of series, and records of the topic of writes that wait.
   */
  get memoryBytes(): number {
    const { heap, buffers } = this.#shard.store.memory.used
    const caches = this.#tables.bytes + (this.#labels?.bytes ?? 0) + this.#queue.cacheBytes
    return heap + buffers + caches + this.#writes.bytes
  }

  /** Targets of the partitions that this shard sends. */
  get targets(): number {
    return this.#feed.targets
  }

  /** Sends the topic of writes as soon as it exists: not every cluster has gateways. */
  async #startWrites(): Promise<void> {
    const { kafka, writesTopic } = this.dependencies
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const exists = await checkTopic(kafka, writesTopic, { key: 'writes' }).then(
        report => report.exists,
        () => false,
      )
      if (signal.aborted) return
      if (exists) return this.#writesConsumer.start()
      await delay(WRITES_CHECK_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  *#families(): Iterable<FamilyMetadata> {
    for (const families of this.#tables.families) {
      for (const { name, counterSuffix, type, help, unit } of families)
        yield { name: latin1(name + counterSuffix), type, help: latin1(help), unit: latin1(unit) }
    }
  }
}
