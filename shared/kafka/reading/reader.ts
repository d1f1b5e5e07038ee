import { explain, KafkaError } from '../errors.js'
import { Backoff, Wakeup } from '../timing.js'
import type { TopicMetadata } from '../wire/cluster.js'
import { type FetchedPartition, fetchRecords } from '../wire/fetch.js'
import { errorOf, type Link } from '../wire/link.js'
import type { Feed } from './feed.js'
import { HandOver } from './hand-over.js'
import { type Located, locate } from './locate.js'
import { type ReaderOptions, type ReaderSettings, withDefaults } from './options.js'
import { TopicIdentity } from './topic-identity.js'

/** A fetch that brought less has brought little. */
const LINGER_BELOW_BYTES = 64 * 1024
const STOP_WITHIN_MS = 2_000

/**
 * Reads partitions of one topic from wherever their leaders are: one fetch at a time for each broker. It owns no
 * membership: it reads the feeds it is given until it is given others, through any fault of the brokers.
 */
export class Reader {
  readonly #options: ReaderSettings
  readonly #handOver: HandOver
  readonly #wakeup = new Wakeup()
  readonly #stopped = new Wakeup()
  readonly #loops = new Map<number, Promise<void>>()
  readonly #backoff = new Backoff(100, 1_000)
  #feeds: ReadonlyMap<number, Feed> = new Map()
  #metadata: TopicMetadata | null = null
  #metadataAt = Number.NEGATIVE_INFINITY
  #metadataWanted = false
  readonly #identity = new TopicIdentity()
  #running = false
  #control: Promise<void> = Promise.resolve()

  constructor(options: ReaderOptions) {
    this.#options = withDefaults(options)
    this.#handOver = new HandOver(this.#options, feed => this.#current(feed) && !feed.replaced)
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
        await this.#askStarts()
        await this.#locateAll()
        this.#startLoops()
      } catch (error) {
        this.#metadataWanted = true
        this.#fail(explain(error, { topic: this.#options.topic }), this.#feeds.values())
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
    const metadata = await cluster.metadata(topic)
    const identity = this.#identity.observe(metadata.id)
    if (identity === 'outdated') {
      this.#metadataWanted = true
      return
    }
    if (identity === 'replaced') this.#replace()
    this.#metadata = metadata
    this.#metadataAt = this.#mono()
    for (const feed of this.#feeds.values()) feed.stalled = false
    events.onPartitionCount(metadata.partitions.length)
  }

  /** What was read so far is of a topic that is no more. */
  #replace(): void {
    const { topic, logger } = this.#options
    logger.warn(`${topic} was deleted and created again: its partitions are read anew`, { topic })
    for (const feed of this.#feeds.values()) if (feed.start !== null) feed.replaced = true
  }

  /** The starts of feeds that were given none. */
  async #askStarts(): Promise<void> {
    const feeds = [...this.#feeds.values()].filter(feed => feed.start === null)
    if (feeds.length === 0) return
    try {
      const starts = await this.#options.starts(feeds.map(feed => feed.partition))
      for (const feed of feeds) feed.start = starts.get(feed.partition) ?? null
    } catch (error) {
      this.#stall(feeds, explain(error, { topic: this.#options.topic }))
    }
  }

  /** Gives every feed that can have one a position. */
  async #locateAll(): Promise<void> {
    const byLeader = new Map<number, Feed[]>()
    for (const feed of this.#feeds.values()) {
      // What is being handed over of it ends first; that wakes this loop.
      if (feed.replaced && feed.busy) continue
      if (feed.replaced) Object.assign(feed, { replaced: false, position: null, start: 'replaced' })
      const leader = this.#leader(feed)
      if (leader < 0) this.#stall([feed], noLeader(this.#options.topic, feed.partition))
      else if (feed.start !== null && feed.position === null)
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), feed])
    }
    await Promise.all([...byLeader].map(([leader, feeds]) => this.#locateAt(leader, feeds)))
  }

  async #locateAt(leader: number, feeds: Feed[]): Promise<void> {
    const { cluster, topic, afterReplacement } = this.#options
    try {
      const link = cluster.node(leader)
      const located = await locate(link, topic, feeds, afterReplacement(), cluster.requestTimeout)
      for (const [feed, found] of located) {
        if (!this.#current(feed)) continue
        if (found instanceof KafkaError) this.#stall([feed], found)
        else this.#begin(feed, found)
      }
    } catch (error) {
      this.#stall(feeds, explain(error, { topic }))
    }
  }

  #begin(feed: Feed, { from, until, gap, anew, replaced }: Located): void {
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
    if (anew) events.onStart(feed.partition, from, until, replaced)
  }

  #startLoops(): void {
    for (const feed of this.#feeds.values()) {
      const leader = this.#leader(feed)
      if (this.#loops.has(leader) || !this.#isFetchable(feed)) continue
      const loop = this.#runLoop(leader).finally(() => {
        this.#loops.delete(leader)
        // A feed may have become ready just when the loop found none.
        if (this.#running) this.#startLoops()
      })
      this.#loops.set(leader, loop)
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
        const request = {
          topic,
          topicId: this.#identity.id,
          partitions,
          maxBytes,
          maxBytesPerPartition,
          maxWait,
        }
        const sent = this.#mono()
        const answer = await fetchRecords(link, request, cluster.requestTimeout)
        await this.#take(answer, asked)
        await this.#linger(sent, answer)
      } catch (error) {
        if (!this.#running) break
        this.#stall(feeds, explain(error, { topic }))
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
    const { mono } = this.#options.clock.now()
    // This turn has already taken the bytes from the socket and put them together.
    if (answer.some(fetched => fetched.records.length > 0)) await this.#handOver.turn()
    let refused = 0
    for (const fetched of answer) {
      const { feed, offset } = asked.get(fetched.partition) ?? {}
      if (!feed || !this.#current(feed)) continue
      // It has a new leader, whose answer has overtaken this one and is being handed over, or has been.
      if (feed.busy || feed.position !== offset || feed.replaced) continue
      const error = errorOf(fetched.errorCode, { topic: this.#options.topic })
      if (error?.type === 'OFFSET_OUT_OF_RANGE') {
        feed.start = { refused: offset! }
        feed.position = null
        this.#wakeup.wake()
      } else if (error) {
        refused++
        this.#stall([feed], error)
      } else {
        await this.#handOver.give(feed, fetched, mono)
        if (feed.replaced) this.#wakeup.wake()
      }
    }
    if (refused === 0) this.#backoff.reset()
    // While something was handed over it may have moved to a broker that nothing else is read from.
    this.#startLoops()
  }

  #isFetchable(feed: Feed): boolean {
    return feed.position !== null && !feed.stalled && !feed.busy && !feed.replaced && this.#leader(feed) >= 0
  }

  #fetchable(leader: number): Feed[] {
    const feeds = [...this.#feeds.values()].filter(f => this.#isFetchable(f) && this.#leader(f) === leader)
    // An answer's first partition with data is the one that may exceed the limits, so everybody has a turn at being it.
    return feeds.sort((a, b) => a.served - b.served)
  }

  #leader(feed: Feed): number {
    return this.#metadata?.partitions.find(p => p.partition === feed.partition)?.leader ?? -1
  }

  #current(feed: Feed): boolean {
    return this.#feeds.get(feed.partition) === feed
  }

  /** Nothing more of these until the metadata was read anew. */
  #stall(feeds: readonly Feed[], error: KafkaError): void {
    for (const feed of feeds) feed.stalled = true
    this.#metadataWanted = true
    this.#wakeup.wake()
    const ours = feeds.filter(feed => this.#current(feed))
    if (ours.length > 0) this.#fail(error, ours)
  }

  #fail(error: KafkaError, feeds: Iterable<Feed>): void {
    if (!this.#running) return
    this.#options.events.onError(
      error,
      Array.from(feeds, feed => feed.partition),
    )
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
