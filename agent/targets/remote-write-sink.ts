import type { Clock } from '../../shared/base/clock.js'
import { settlesWithin } from '../../shared/base/deadline.js'
import type { Logger } from '../../shared/base/logger.js'
import { hashOf } from '../../shared/base/murmur2.js'
import { latin1 } from '../../shared/exposition/layout-text.js'
import { createHttpClient } from '../../shared/http/client/client.js'
import type { ProxyEnvironment } from '../../shared/http/client/no-proxy.js'
import type { HttpClient } from '../../shared/http/client/types.js'
import type { Collected } from '../../shared/publish/publications.js'
import { type SampleBlock, samplesOf } from '../../shared/remote-write/block.js'
import { BlockItem } from '../../shared/remote-write/block-item.js'
import type { RemoteConfig } from '../../shared/remote-write/config.js'
import { WriteFigures } from '../../shared/remote-write/figures.js'
import { QueueManager, requestsAtOnce } from '../../shared/remote-write/manager.js'
import type { FamilyMetadata } from '../../shared/remote-write/metadata.js'
import { ReportTables } from '../../shared/remote-write/report.js'
import type { SeriesTable } from '../../shared/remote-write/series-table.js'
import { RemoteOutage } from './remote-outage.js'
import type { Sink, SinkTarget, TargetSink } from './sink.js'
import { WrittenTarget } from './written-target.js'

export interface RemoteWriteSinkOptions {
  readonly remote: RemoteConfig
  /** Memory of what waits, bytes. The oldest collections are dropped first. */
  readonly maxBytes: number
  readonly proxyEnvironment: ProxyEnvironment
  readonly userAgent: string
  readonly clock: Clock
  readonly logger: Logger
}

/** Memory of a sample that waits, and of a collection besides its samples, bytes. */
const SAMPLE_BYTES = 16
const COLLECTION_BYTES = 2048
const FLUSH_MS = 3000

interface Held {
  readonly target: Target
  readonly item: BlockItem
  /** Frees its memory; it is not sent any more. */
  readonly release: () => void
  readonly bytes: number
}

/**
 * Sends collections straight to a receiver of remote write. What the receiver does not take waits in
 * memory, within a limit: the oldest is dropped first, and counted as superseded.
 */
export class RemoteWriteSink implements Sink {
  readonly figures = new WriteFigures()
  /** Nothing that a receiver answers is final for all samples. */
  readonly failed = new Promise<never>(() => {})
  readonly #client: HttpClient
  readonly #queue: QueueManager
  readonly #reports: ReportTables
  readonly #targets = new Set<Target>()
  readonly #waiting: Held[] = []
  readonly #outage: RemoteOutage
  #bytes = 0
  #pumping = false
  #stopped = false

  constructor(private readonly options: RemoteWriteSinkOptions) {
    const { remote, clock, logger } = options
    this.#outage = new RemoteOutage(remote.remote.name, this.figures, logger, clock)
    this.#reports = new ReportTables([], remote.relabelling)
    this.#client = createHttpClient({
      config: remote.http,
      folder: remote.folder,
      proxyEnvironment: options.proxyEnvironment,
      maxConnectionsPerHost: requestsAtOnce(remote.remote.queue),
      userAgent: options.userAgent,
      mono: () => clock.now().mono,
    })
    this.#queue = new QueueManager({
      remote: remote.remote,
      client: this.#client,
      clock,
      logger,
      figures: this.figures,
      onRequest() {},
      families: () => this.#families(),
    })
  }

  get bytes(): number {
    return this.#bytes
  }

  get failures(): number {
    return this.figures.failedRequests
  }

  async start(): Promise<void> {
    this.#queue.start()
  }

  trouble(): string | undefined {
    const { lastError, isolatedError, lastRefusal, lastRefusedAt, lastStoredAt } = this.figures
    if (lastError !== '') return lastError
    if (isolatedError !== '') return `not stored: ${isolatedError}`
    return lastRefusedAt > lastStoredAt ? `refused: ${lastRefusal}` : undefined
  }

  open({ labels, key }: SinkTarget): TargetSink {
    const written = new WrittenTarget(labels, this.#reports, this.options.remote.relabelling)
    const target = new Target(written, key)
    this.#targets.add(target)
    return {
      counts: target.counts,
      offer: collected => {
        target.counts.offered++
        target.counts.held++
        // A layout that is new is read in steps: collections keep their order.
        target.work = target.work
          .then(() => this.#offer(target, collected))
          .catch(error => this.#refuse(target, error))
      },
      drain: () => target.drained(),
      close: () => {
        target.close()
        this.#forget(target)
      },
    }
  }

  /** Sends what waits for some seconds, also of targets that are closed. */
  async stop(): Promise<void> {
    this.#queue.flush(this, true)
    const work = Promise.all([...this.#targets].map(target => target.settled()))
    await settlesWithin(FLUSH_MS, work)
    this.#stopped = true
    this.#outage.stop([...this.#targets].reduce((sum, { counts }) => sum + counts.held, 0))
    await this.#queue.stop()
    this.#client.close()
  }

  async #offer(target: Target, collected: Collected): Promise<void> {
    const made = await target.written.blocksOf(collected)
    const { exemplars } = this.options.remote
    if (made.length === 0) {
      this.#settle(target)
      return
    }
    const blocks = exemplars ? made : made.map(block => ({ ...block, exemplars: null }))
    const held = this.#held(target, blocks, collected)
    this.#waiting.push(held)
    this.#bytes += held.bytes
    while (this.#bytes > this.options.maxBytes && this.#waiting.length > 1) this.#dropOldest()
    void this.#pump()
  }

  /** A collection that cannot be written is lost, and later ones are not. */
  #refuse(target: Target, error: unknown): void {
    target.counts.refused++
    this.#settle(target)
    this.options.logger.error('Failed to write a collection', { error })
  }

  #held(target: Target, blocks: SampleBlock[], { collection }: Collected): Held {
    const samples = blocks.reduce((sum, block) => sum + samplesOf(block), 0)
    const bytes = COLLECTION_BYTES + samples * SAMPLE_BYTES + this.#newBytes(target, blocks)
    const release = () => {
      this.#bytes -= bytes
      this.#settle(target)
    }
    const item = new BlockItem({
      target: target.id,
      hash: target.hash,
      blocks,
      dueAt: collection.collectedAt,
      isRepeat: false,
      isCancelled: () => false,
      onSettled: () => {
        release()
        this.#outage.settle()
      },
    })
    return { target, item, release, bytes }
  }

  /**
   * Memory of what the blocks have besides their samples: exemplars, and tables of series that no
   * collection before has. A page whose series are new each time has a table with each collection.
   */
  #newBytes(target: Target, blocks: SampleBlock[]): number {
    let bytes = 0
    const tables = new Set(blocks.map(({ table }) => table))
    for (const table of tables) if (!target.lastTables.has(table)) bytes += table.bytes
    target.lastTables = tables
    for (const { exemplars } of blocks)
      for (const { labels } of exemplars ?? [])
        bytes += labels.reduce((sum, { name, value }) => sum + name.length + value.length, 100)
    return bytes
  }

  #dropOldest(): void {
    const { target, release } = this.#waiting.shift()!
    target.counts.superseded++
    this.#outage.drop()
    release()
  }

  #settle(target: Target): void {
    target.settle()
    if (target.isClosed) this.#forget(target)
  }

  /** What is held of a closed target is still sent: no other sends it. */
  #forget(target: Target): void {
    if (target.counts.held === 0) this.#targets.delete(target)
  }

  /** Passes on what waits, in order, while the queue has room. */
  async #pump(): Promise<void> {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#waiting.length > 0 && !this.#stopped) {
      const [{ item }] = this.#waiting
      if (!this.#queue.hasRoom(item)) await this.#queue.room(item)
      // It may have been dropped in the meantime.
      if (this.#waiting[0]?.item !== item) continue
      this.#waiting.shift()
      this.#queue.push(item)
    }
    this.#pumping = false
  }

  *#families(): Iterable<FamilyMetadata> {
    for (const { written } of this.#targets)
      for (const { families } of written.tables)
        for (const { name, counterSuffix, type, help, unit } of families)
          yield { name: latin1(name + counterSuffix), type, help: latin1(help), unit: latin1(unit) }
  }
}

class Target {
  readonly counts = { offered: 0, superseded: 0, refused: 0, held: 0 }
  readonly id: string
  readonly hash: number
  work: Promise<void> = Promise.resolve()
  isClosed = false
  /** Tables of the last collection. */
  lastTables: ReadonlySet<SeriesTable> = new Set()
  #waiters: (() => void)[] = []

  constructor(
    readonly written: WrittenTarget,
    key: Buffer,
  ) {
    this.id = key.toString('latin1')
    this.hash = hashOf(key)
  }

  settle(): void {
    this.counts.held--
    if (this.counts.held === 0) for (const resolve of this.#waiters.splice(0)) resolve()
  }

  /** Resolves when nothing is held, or when this is closed. */
  async drained(): Promise<void> {
    if (!this.isClosed) await this.settled()
  }

  /** Resolves when nothing is held, or when this becomes closed. */
  async settled(): Promise<void> {
    if (this.counts.held > 0) await new Promise<void>(resolve => this.#waiters.push(resolve))
  }

  close(): void {
    this.isClosed = true
    for (const resolve of this.#waiters.splice(0)) resolve()
  }
}
