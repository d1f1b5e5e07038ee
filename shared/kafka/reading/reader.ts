import type { Clock } from '../../clock.js'
import { inflate as boundedInflate, INFLATE_LIMIT, type Inflate } from '../codecs.js'
import { explain, KafkaError } from '../errors.js'
import { Backoff, Pacer, Wakeup } from '../timing.js'
import type { Logger, LogRecord } from '../types.js'
import type { Cluster, TopicMetadata } from '../wire/cluster.js'
import { type FetchedPartition, fetchRecords } from '../wire/fetch.js'
import { errorOf, type Link } from '../wire/link.js'
import { readRecordSet } from '../wire/record-set.js'
import type { Feed } from './feed.js'
import { type Located, locate } from './locate.js'

/** What a reader tells. None may throw; `guard` them where they are foreign. */
interface ReaderEvents {
  onStart(partition: number, from: number, until: number): void
  onRecords(
    partition: number,
    records: readonly LogRecord[],
    position: { readonly next: number; readonly highWatermark: number },
  ): void | Promise<void>
  onFetched(partition: number, next: number, highWatermark: number, mono: number): void
  onError(error: KafkaError, partitions: readonly number[]): void
  /** Metadata was read: how many partitions the topic has. */
  onPartitionCount(count: number): void
}

export interface ReaderOptions {
  readonly cluster: Cluster
  readonly topic: string
  readonly clock: Clock
  readonly logger: Logger
  readonly events: ReaderEvents
  /** Bytes of one answer and of one partition in it. */
  readonly maxBytes?: number
  readonly maxBytesPerPartition?: number
  /** Milliseconds that a broker may keep an empty fetch. */
  readonly maxWait?: number
  /**
   * Milliseconds between two fetches when the first brought little. Records of many targets come one by one all the time;
   * a fetch for each would cost ten times what reading them does.
   */
  readonly linger?: number
  /** Milliseconds between looks at the metadata. */
  readonly metadataMaxAge?: number
  /** Bytes one compressed batch may inflate to. */
  readonly inflateLimit?: number
  readonly inflate?: Inflate
  /** Where to begin again when the log was replaced, milliseconds before now. */
  readonly replayWindow?: number
}

/** 512 KiB of records are decoded and applied within a few turns of the loop; a broker serves four partitions at a time. */
const MAX_BYTES_PER_PARTITION = 512 * 1024
const MAX_BYTES = 2 * 1024 * 1024
const MAX_WAIT_MS = 500
const LINGER_MS = 50
const METADATA_MAX_AGE_MS = 30_000
/** Less than this is little. */
const LINGER_BELOW_BYTES = 64 * 1024
/** A slice is what a listener gets in one call. */
const SLICE = { records: 64, bytes: 64 * 1024 }
const YIELD_AFTER_MS = 5
const WARN_EVERY_MS = 60_000
const STOP_WITHIN_MS = 2_000

/**
 * Reads partitions of one topic from wherever their leaders are: one fetch at a time for each broker. It owns no
 * membership: it reads the feeds it is given until it is given others, through any fault of the brokers.
 */
export class Reader {
  readonly #options: Required<Omit<ReaderOptions, 'events' | 'cluster' | 'topic' | 'clock' | 'logger'>> &
    ReaderOptions
  readonly #wakeup = new Wakeup()
  readonly #stopped = new Wakeup()
  readonly #loops = new Map<number, Promise<void>>()
  readonly #backoff = new Backoff(100, 1_000)
  readonly #pacer: Pacer
  readonly #warned = new Map<string, number>()
  #feeds: ReadonlyMap<number, Feed> = new Map()
  #metadata: TopicMetadata | null = null
  #metadataAt = Number.NEGATIVE_INFINITY
  #metadataWanted = false
  #served = 0
  #running = false
  #control: Promise<void> = Promise.resolve()

  constructor(options: ReaderOptions) {
    this.#options = {
      ...options,
      maxBytes: options.maxBytes ?? MAX_BYTES,
      maxBytesPerPartition: options.maxBytesPerPartition ?? MAX_BYTES_PER_PARTITION,
      maxWait: options.maxWait ?? MAX_WAIT_MS,
      linger: options.linger ?? LINGER_MS,
      metadataMaxAge: options.metadataMaxAge ?? METADATA_MAX_AGE_MS,
      inflateLimit: options.inflateLimit ?? INFLATE_LIMIT,
      inflate: options.inflate ?? boundedInflate,
      replayWindow: options.replayWindow ?? 0,
    }
    this.#pacer = new Pacer(YIELD_AFTER_MS, () => options.clock.now().mono)
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#control = this.#runControl()
  }

  /**
   * Nothing more is handed over from here on. Resolves when what was being handed over is through, or has taken too long.
   * Links of fetches under way are the cluster's to close.
   */
  async stop(): Promise<void> {
    this.#running = false
    this.#feeds = new Map()
    this.#wakeup.wake()
    this.#stopped.wake()
    const patience = new Wakeup()
    Promise.all([this.#control, ...this.#loops.values()]).then(() => patience.wake())
    await patience.wait(STOP_WITHIN_MS)
  }

  /** From now on these feeds are read and no others; what was fetched for others is thrown away. */
  read(feeds: ReadonlyMap<number, Feed>): void {
    this.#feeds = new Map(feeds)
    this.#wakeup.wake()
  }

  async #runControl(): Promise<void> {
    while (this.#running) {
      try {
        await this.#refreshMetadata()
        await this.#locateAll()
        this.#startLoops()
      } catch (error) {
        this.#metadataWanted = true
        this.#fail(explain(error, { topic: this.#options.topic }), [...this.#feeds.keys()])
      }
      // Whatever fails again and again is slowed down; a fetch that goes well resets this.
      if (this.#metadataWanted) await this.#stopped.wait(this.#backoff.next())
      else await this.#wakeup.wait(this.#metadataAt + this.#options.metadataMaxAge - this.#mono())
    }
  }

  async #refreshMetadata(): Promise<void> {
    const { cluster, topic, metadataMaxAge, events } = this.#options
    const due = this.#mono() - this.#metadataAt >= metadataMaxAge
    if (this.#metadata && !due && !this.#metadataWanted) return
    this.#metadataWanted = false
    this.#metadata = await cluster.metadata(topic)
    this.#metadataAt = this.#mono()
    for (const feed of this.#feeds.values()) feed.stalled = false
    events.onPartitionCount(this.#metadata.partitions.length)
  }

  /** Gives every feed that can have one a position. */
  async #locateAll(): Promise<void> {
    const byLeader = new Map<number, Feed[]>()
    for (const feed of this.#feeds.values()) {
      const leader = this.#leader(feed)
      if (leader < 0) this.#stall(feed, noLeader(this.#options.topic, feed.partition))
      else if (feed.position === null) byLeader.set(leader, [...(byLeader.get(leader) ?? []), feed])
    }
    await Promise.all([...byLeader].map(([leader, feeds]) => this.#locateAt(leader, feeds)))
  }

  async #locateAt(leader: number, feeds: Feed[]): Promise<void> {
    const { cluster, topic, clock, replayWindow } = this.#options
    try {
      const since = clock.now().wall - replayWindow
      const located = await locate(cluster.node(leader), topic, feeds, since, cluster.requestTimeout)
      for (const [feed, found] of located) {
        if (!this.#current(feed)) continue
        if (found instanceof KafkaError) this.#stall(feed, found)
        else this.#begin(feed, found)
      }
    } catch (error) {
      this.#stallAll(feeds, explain(error, { topic }))
    }
  }

  #begin(feed: Feed, { from, until, gap, anew }: Located): void {
    const { topic, logger, events } = this.#options
    feed.position = from
    if (gap > 0) {
      logger.warn(
        `the log of ${topic}/${feed.partition} begins later than where we were: ${gap} records were deleted unread`,
        {
          topic,
          partition: feed.partition,
          from,
        },
      )
    }
    if (anew) events.onStart(feed.partition, from, until)
  }

  #startLoops(): void {
    for (const feed of this.#feeds.values()) {
      const leader = this.#leader(feed)
      if (leader < 0 || feed.position === null || feed.stalled || this.#loops.has(leader)) continue
      this.#loops.set(
        leader,
        this.#runLoop(leader).finally(() => {
          this.#loops.delete(leader)
          // A feed may have become ready just when the loop found none.
          if (this.#running && this.#fetchable(leader).length > 0) this.#startLoops()
        }),
      )
    }
  }

  async #runLoop(leader: number): Promise<void> {
    const { cluster, topic, maxBytes, maxBytesPerPartition, maxWait } = this.#options
    let link: Link | null = null
    for (;;) {
      const feeds = this.#fetchable(leader)
      if (!this.#running || feeds.length === 0) break
      const asked = new Map(feeds.map(feed => [feed.partition, { feed, offset: feed.position! }]))
      try {
        link ??= cluster.dial(leader)
        const partitions = feeds.map(feed => ({ partition: feed.partition, offset: feed.position! }))
        const request = { topic, partitions, maxBytes, maxBytesPerPartition, maxWait }
        const sent = this.#mono()
        const answer = await fetchRecords(link, request, cluster.requestTimeout)
        await this.#take(answer, asked)
        await this.#linger(sent, answer)
      } catch (error) {
        if (!this.#running) break
        this.#stallAll(feeds, explain(error, { topic }))
        break
      }
    }
    link?.close()
  }

  async #linger(sent: number, answer: readonly FetchedPartition[]): Promise<void> {
    const bytes = answer.reduce((sum, fetched) => sum + fetched.records.length, 0)
    const pause = sent + this.#options.linger - this.#mono()
    if (pause > 0 && bytes < LINGER_BELOW_BYTES) await new Promise(resolve => setTimeout(resolve, pause))
  }

  async #take(
    answer: readonly FetchedPartition[],
    asked: Map<number, { feed: Feed; offset: number }>,
  ): Promise<void> {
    const { topic, events } = this.#options
    const { mono } = this.#options.clock.now()
    // This turn has already taken the bytes from the socket and put them together.
    if (answer.some(fetched => fetched.records.length > 0)) await this.#pacer.turn()
    let refused = 0
    for (const fetched of answer) {
      const { feed, offset } = asked.get(fetched.partition) ?? {}
      if (!feed || !this.#current(feed) || feed.position !== offset) continue
      const error = errorOf(fetched.errorCode, { topic })
      if (error?.type === 'OFFSET_OUT_OF_RANGE') {
        feed.start = { refused: offset! }
        feed.position = null
        this.#wakeup.wake()
      } else if (error) {
        refused++
        this.#stall(feed, error)
      } else {
        feed.highWatermark = fetched.highWatermark
        if (fetched.records.length > 0) await this.#handOver(feed, fetched)
        if (this.#current(feed)) events.onFetched(feed.partition, feed.position!, feed.highWatermark, mono)
      }
    }
    if (refused === 0) this.#backoff.reset()
  }

  async #handOver(feed: Feed, fetched: FetchedPartition): Promise<void> {
    const { events, inflate, inflateLimit } = this.#options
    const slices = readRecordSet(fetched.records, feed.position!, {
      inflate,
      inflateLimit,
      limits: SLICE,
      onUnreadable: (offset, records, error) => this.#warnUnreadable(feed.partition, offset, records, error),
    })
    for await (const { records, next } of slices) {
      // It may have been lost while somebody else had the loop.
      if (!this.#current(feed)) return
      feed.position = next
      feed.served = ++this.#served
      if (records.length > 0) {
        const done = events.onRecords(feed.partition, records, { next, highWatermark: feed.highWatermark })
        if (done) await done
      }
      await this.#pacer.breathe()
    }
  }

  #fetchable(leader: number): Feed[] {
    const feeds = [...this.#feeds.values()].filter(
      feed => feed.position !== null && !feed.stalled && this.#leader(feed) === leader,
    )
    // An answer's first partition with data is the one that may exceed the limits, so everybody has a turn at being it.
    return feeds.sort((a, b) => a.served - b.served)
  }

  #leader(feed: Feed): number {
    return this.#metadata?.partitions.find(p => p.partition === feed.partition)?.leader ?? -1
  }

  #current(feed: Feed): boolean {
    return this.#feeds.get(feed.partition) === feed
  }

  #stall(feed: Feed, error: KafkaError): void {
    this.#stallAll([feed], error)
  }

  /** Nothing more of these until the metadata was read anew. */
  #stallAll(feeds: readonly Feed[], error: KafkaError): void {
    for (const feed of feeds) feed.stalled = true
    this.#metadataWanted = true
    this.#wakeup.wake()
    this.#fail(
      error,
      feeds.map(feed => feed.partition),
    )
  }

  #fail(error: KafkaError, partitions: readonly number[]): void {
    if (!this.#running) return
    this.#options.events.onError(error, partitions)
  }

  #warnUnreadable(partition: number, offset: number, records: number, error: Error): void {
    const { topic, logger } = this.#options
    const mono = this.#mono()
    const fields = { topic, partition, offset, records, error: error.message }
    const message = `${records} records of ${topic}/${partition} from offset ${offset} cannot be read: ${error.message}`
    // A topic full of them would otherwise be a log full of them.
    if (mono - (this.#warned.get(error.message) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) {
      logger.debug(message, fields)
      return
    }
    if (this.#warned.size > 100) this.#warned.clear()
    this.#warned.set(error.message, mono)
    logger.warn(message, fields)
  }

  #mono(): number {
    return this.#options.clock.now().mono
  }
}

const noLeader = (topic: string, partition: number) =>
  new KafkaError(
    'LEADER_NOT_AVAILABLE',
    `partition ${partition} of topic ${topic} has no leader right now: check that enough brokers are up`,
  )
