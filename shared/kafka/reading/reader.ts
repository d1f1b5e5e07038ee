import { explain, KafkaError } from '../errors.js'
import { Backoff, Wakeup } from '../timing.js'
import type { TopicMetadata } from '../wire/cluster.js'
import { type FetchedPartition, fetchRecords } from '../wire/fetch.js'
import { errorOf, type Link } from '../wire/link.js'
import type { FetchState } from './fetch-state.js'
import { type LocatedStart, locate } from './locate.js'
import { type ReaderOptions, type ReaderSettings, withDefaults } from './options.js'
import { RecordDelivery } from './record-delivery.js'
import { TopicIdentity } from './topic-identity.js'

/** A response with less than this is followed by a pause of `linger`. */
const LINGER_BELOW_BYTES = 64 * 1024
const STOP_TIMEOUT_MS = 2_000
/** How long the next partition of a broker waits for the delivery of another one, ms. */
const SLOW_DELIVERY_MS = 50

/**
 * Reads partitions of one topic from their leaders, with one fetch at a time per broker. A reader
 * has no membership: it reads the partitions that it was given last and retries after any error of
 * the brokers.
 */
export class Reader {
  readonly #options: ReaderSettings
  readonly #delivery: RecordDelivery
  readonly #wakeup = new Wakeup()
  readonly #stopped = new Wakeup()
  readonly #loops = new Map<number, Promise<void>>()
  readonly #backoff = new Backoff(100, 1_000)
  #states: ReadonlyMap<number, FetchState> = new Map()
  #metadata: TopicMetadata | null = null
  #metadataAt = Number.NEGATIVE_INFINITY
  #metadataWanted = false
  readonly #identity = new TopicIdentity()
  #running = false
  #control: Promise<void> = Promise.resolve()

  constructor(options: ReaderOptions) {
    this.#options = withDefaults(options)
    this.#delivery = new RecordDelivery(
      this.#options,
      state => this.#isCurrent(state) && !state.replaced,
    )
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#control = this.#runControl()
  }

  /**
   * Delivers nothing more. Resolves when the current deliveries have finished, or after two
   * seconds. The caller closes the connections of fetches in progress with the cluster.
   */
  async stop(): Promise<void> {
    this.#running = false
    this.#states = new Map()
    this.#wakeup.wake()
    this.#stopped.wake()
    const patience = new Wakeup()
    Promise.all([this.#control, ...this.#loops.values()]).then(() => patience.wake())
    await patience.wait(STOP_TIMEOUT_MS)
  }

  /** Reads these partitions from now on and no others. Responses for others are discarded. */
  read(states: ReadonlyMap<number, FetchState>): void {
    this.#states = new Map(states)
    this.#wakeup.wake()
  }

  async #runControl(): Promise<void> {
    while (this.#running) {
      try {
        await this.#refreshMetadata()
        await this.#fetchStarts()
        await this.#locateAll()
        this.#startLoops()
      } catch (error) {
        this.#metadataWanted = true
        this.#report(explain(error, { topic: this.#options.topic }), this.#states.values())
      }
      // Repeated failures are retried with backoff; a successful fetch resets it.
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
    for (const state of this.#states.values()) state.stalled = false
    events.onPartitionCount(metadata.partitions.length)
  }

  /** Marks all partitions as replaced: their records so far belong to a deleted topic. */
  #replace(): void {
    const { topic, logger } = this.#options
    logger.warn(
      `topic ${topic} was deleted and created again: reading its partitions from their start position`,
      { topic },
    )
    for (const state of this.#states.values()) if (state.start !== null) state.replaced = true
  }

  /** Determines the starts of partitions that have none. */
  async #fetchStarts(): Promise<void> {
    const states = [...this.#states.values()].filter(state => state.start === null)
    if (states.length === 0) return
    try {
      const starts = await this.#options.starts(states.map(state => state.partition))
      for (const state of states) state.start = starts.get(state.partition) ?? null
    } catch (error) {
      this.#stall(states, explain(error, { topic: this.#options.topic }))
    }
  }

  /** Resolves the positions of all partitions that have a leader and a start. */
  async #locateAll(): Promise<void> {
    const byLeader = new Map<number, FetchState[]>()
    for (const state of this.#states.values()) {
      // Wait for the current delivery; its end wakes this loop.
      if (state.replaced && state.delivering) continue
      if (state.replaced)
        Object.assign(state, { replaced: false, position: null, start: 'replaced' })
      const leader = this.#leader(state)
      if (leader < 0) this.#stall([state], noLeader(this.#options.topic, state.partition))
      else if (state.start !== null && state.position === null)
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), state])
    }
    await Promise.all([...byLeader].map(([leader, states]) => this.#locateAt(leader, states)))
  }

  async #locateAt(leader: number, states: FetchState[]): Promise<void> {
    const { cluster, topic, afterReplacement } = this.#options
    try {
      const link = cluster.linkToNode(leader)
      const located = await locate(link, topic, states, afterReplacement(), cluster.requestTimeout)
      for (const [state, found] of located) {
        if (!this.#isCurrent(state)) continue
        if (found instanceof KafkaError) this.#stall([state], found)
        else this.#startAt(state, found)
      }
    } catch (error) {
      this.#stall(states, explain(error, { topic }))
    }
  }

  #startAt(state: FetchState, { from, until, gap, isNew, replaced }: LocatedStart): void {
    const { topic, logger, events } = this.#options
    state.position = from
    if (gap > 0) {
      logger.warn(
        `the log of ${topic}/${state.partition} starts after the last read offset: ${gap} records were deleted unread`,
        {
          topic,
          partition: state.partition,
          from,
        },
      )
      events.onTruncated?.(state.partition, from - gap, from)
    }
    if (isNew) events.onStart(state.partition, from, until, replaced)
  }

  #startLoops(): void {
    for (const state of this.#states.values()) {
      const leader = this.#leader(state)
      if (this.#loops.has(leader) || !this.#isFetchable(state)) continue
      const loop = this.#runLoop(leader).finally(() => {
        this.#loops.delete(leader)
        // A partition may have become fetchable just when the loop found none.
        if (this.#running) this.#startLoops()
      })
      this.#loops.set(leader, loop)
    }
  }

  async #runLoop(leader: number): Promise<void> {
    const { cluster, topic, maxBytes, maxBytesPerPartition, maxWait } = this.#options
    let link: Link | null = null
    // A partition whose delivery is slow does not delay the others: they are fetched meanwhile. The
    // responses of which a partition is still being delivered are held in memory: one per broker.
    let slow: Promise<void> | null = null
    for (;;) {
      const states = this.#fetchable(leader)
      if (!this.#running) break
      if (states.length === 0) {
        if (!slow) break
        await slow
        slow = null
        continue
      }
      const requested = new Map(
        states.map(state => [state.partition, { state, offset: state.position! }]),
      )
      try {
        link ??= cluster.openLink(leader)
        const partitions = states.map(state => ({
          partition: state.partition,
          offset: state.position!,
        }))
        const request = {
          topic,
          topicId: this.#identity.id,
          partitions,
          maxBytes,
          maxBytesPerPartition,
          maxWait,
        }
        const sent = this.#mono()
        const response = await fetchRecords(link, request, cluster.requestTimeout)
        const { unfinished } = await this.#handleResponse(response, requested)
        if (unfinished) {
          await slow
          slow = unfinished
        }
        await this.#linger(sent, response)
      } catch (error) {
        if (!this.#running) break
        this.#stall(states, explain(error, { topic }))
        break
      }
    }
    link?.close()
    await slow
  }

  async #linger(sent: number, response: readonly FetchedPartition[]): Promise<void> {
    const bytes = response.reduce((sum, fetched) => sum + fetched.records.length, 0)
    const pause = sent + this.#options.linger - this.#mono()
    if (pause > 0 && bytes < LINGER_BELOW_BYTES)
      await new Promise(resolve => setTimeout(resolve, pause))
  }

  /**
   * Delivers the records of one partition after the other. The next one does not wait for a slow
   * one.
   *
   * @returns the slow deliveries, if any; the promise never rejects
   */
  async #handleResponse(
    response: readonly FetchedPartition[],
    requested: Map<number, { state: FetchState; offset: number }>,
  ): Promise<{ readonly unfinished: Promise<void> | null }> {
    const { mono } = this.#options.clock.now()
    // The current turn of the event loop has already received and concatenated the response.
    if (response.some(fetched => fetched.records.length > 0)) await this.#delivery.yieldNow()
    let refused = 0
    const slow: Promise<void>[] = []
    for (const fetched of response) {
      const { state, offset } = requested.get(fetched.partition) ?? {}
      if (!state || !this.#isCurrent(state)) continue
      // The response of a new leader has overtaken this one.
      if (state.delivering || state.position !== offset || state.replaced) continue
      const error = errorOf(fetched.errorCode, { topic: this.#options.topic })
      if (error?.type === 'OFFSET_OUT_OF_RANGE') {
        state.start = { refused: offset! }
        state.position = null
        this.#wakeup.wake()
      } else if (error) {
        refused++
        this.#stall([state], error)
      } else {
        const delivery = this.#deliver(state, fetched, mono)
        if (fetched.records.length === 0) await delivery
        else if (!(await settlesWithin(delivery, SLOW_DELIVERY_MS))) slow.push(delivery)
      }
    }
    if (refused === 0) this.#backoff.reset()
    // During a delivery, a partition may have moved to a broker without a loop.
    this.#startLoops()
    if (slow.length === 0) return { unfinished: null }
    return { unfinished: Promise.all(slow).then(() => this.#startLoops()) }
  }

  async #deliver(state: FetchState, fetched: FetchedPartition, mono: number): Promise<void> {
    try {
      await this.#delivery.deliver(state, fetched, mono)
    } catch (error) {
      this.#stall([state], explain(error, { topic: this.#options.topic }))
    }
    if (state.replaced) this.#wakeup.wake()
  }

  #isFetchable(state: FetchState): boolean {
    return (
      state.position !== null &&
      !state.stalled &&
      !state.delivering &&
      !state.replaced &&
      this.#leader(state) >= 0
    )
  }

  #fetchable(leader: number): FetchState[] {
    const states = [...this.#states.values()].filter(
      f => this.#isFetchable(f) && this.#leader(f) === leader,
    )
    // Only the first partition with data may exceed the size limits of a response, so they take
    // turns.
    return states.sort((a, b) => a.lastDelivery - b.lastDelivery)
  }

  #leader(state: FetchState): number {
    return this.#metadata?.partitions.find(p => p.partition === state.partition)?.leader ?? -1
  }

  #isCurrent(state: FetchState): boolean {
    return this.#states.get(state.partition) === state
  }

  /** Suspends these partitions until the metadata has been refreshed. */
  #stall(states: readonly FetchState[], error: KafkaError): void {
    for (const state of states) state.stalled = true
    this.#metadataWanted = true
    this.#wakeup.wake()
    const ours = states.filter(state => this.#isCurrent(state))
    if (ours.length > 0) this.#report(error, ours)
  }

  #report(error: KafkaError, states: Iterable<FetchState>): void {
    if (!this.#running) return
    this.#options.events.onError(
      error,
      Array.from(states, state => state.partition),
    )
  }

  #mono(): number {
    return this.#options.clock.now().mono
  }
}

/** @returns whether the promise was settled in time */
async function settlesWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(resolve, ms, false)
  })
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

const noLeader = (topic: string, partition: number) =>
  new KafkaError(
    'LEADER_NOT_AVAILABLE',
    `partition ${partition} of topic ${topic} has no leader at the moment: check that its brokers are running`,
  )
