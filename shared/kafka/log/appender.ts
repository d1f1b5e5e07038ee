import { nextTurn } from '../../base/scheduling.js'
import { explain, type KafkaError } from '../errors.js'
import { Backoff } from '../timing.js'
import type { Cluster } from '../wire/cluster.js'
import { produce, RECORD_OVERHEAD, type WrittenBatch } from '../wire/produce.js'
import { LeaderLink } from './leader-link.js'

export interface AppenderOptions {
  readonly cluster: Cluster
  /** A topic with one partition. */
  readonly topic: string
  /** Milliseconds after which an append fails, whatever the brokers do. */
  readonly timeout: number
  /** Maximum bytes of a request; a single larger record is sent alone. */
  readonly maxBatchBytes: number
}

export interface Appended {
  readonly offset: number
  /** Append time, Unix ms. */
  readonly time: number
}

/** A record was not appended, or it is not known whether it was. */
export class AppendError extends Error {
  override readonly name = 'AppendError'
  readonly tooLarge: boolean

  constructor(
    message: string,
    /** Whether the record may be in the log, or may still be appended. */
    readonly maybeAppended: boolean,
    options?: ErrorOptions & {
      /** The brokers refuse a record of this size. */
      readonly tooLarge?: boolean
    },
  ) {
    super(message, options)
    this.tooLarge = options?.tooLarge ?? false
  }
}

interface Entry {
  readonly value: Buffer
  readonly deadline: number
  readonly timer: NodeJS.Timeout
  /** Whether it was part of a request that the broker may have received. */
  sent: boolean
  settled: boolean
  resolve(appended: Appended): void
  reject(error: AppendError): void
}

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const RETRY_MS = { first: 20, last: 500 }
const NO_KEY = Buffer.alloc(0)
const PARTITION = 0

/**
 * Appends records to a topic with one partition, in the order of the calls, acknowledged by all
 * in-sync replicas. There is one request at a time: records that arrive meanwhile share the next.
 *
 * The caller bounds what it appends concurrently. A failed request is repeated until the deadlines of its records: a record can be appended more
 * than once, and once more after its append has failed.
 */
export class Appender {
  readonly #options: AppenderOptions
  readonly #leader: LeaderLink
  readonly #backoff = new Backoff(RETRY_MS.first, RETRY_MS.last)
  /** Records that are not part of a request yet, in order. */
  readonly #waiting = new Set<Entry>()
  #running = false
  #closed = false
  #wake: (() => void) | null = null
  /** Why the last request failed. */
  #trouble: KafkaError | null = null

  constructor(options: AppenderOptions) {
    this.#options = options
    this.#leader = new LeaderLink(options.cluster, options.topic, PARTITION)
  }

  /** @throws AppendError */
  append(value: Buffer): Promise<Appended> {
    const { timeout } = this.#options
    if (this.#closed)
      return Promise.reject(new AppendError('this program is stopping: try again', false))
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        value,
        deadline: performance.now() + timeout,
        timer: setTimeout(() => this.#expire(entry), timeout),
        sent: false,
        settled: false,
        resolve,
        reject,
      }
      this.#waiting.add(entry)
      void this.#run()
    })
  }

  /** Rejects what waits, and closes the connection. */
  close(): void {
    this.#closed = true
    for (const entry of this.#waiting)
      this.#fail(entry, new AppendError('this program is stopping: try again', false))
    this.#leader.drop()
    this.#wake?.()
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    // What arrives in this turn of the event loop shares the first request.
    await nextTurn()
    while (this.#waiting.size > 0) await this.#write(this.#gather())
    this.#running = false
  }

  #gather(): Entry[] {
    const batch: Entry[] = []
    let bytes = 0
    for (const entry of this.#waiting) {
      bytes += RECORD_OVERHEAD + entry.value.length
      if (bytes > this.#options.maxBatchBytes && batch.length > 0) break
      batch.push(entry)
      this.#waiting.delete(entry)
    }
    return batch
  }

  /** Ends when all records of the batch have a result. */
  async #write(batch: readonly Entry[]): Promise<void> {
    for (;;) {
      const error = await this.#attempt(batch)
      const rest = batch.filter(entry => !entry.settled)
      if (!error || rest.length === 0) return
      this.#trouble = error
      if (error.refusal) return this.#refuse(rest, error)
      this.#leader.drop()
      if (this.#closed) {
        for (const entry of rest) this.#expire(entry)
        return
      }
      await this.#pause(this.#backoff.next())
    }
  }

  /** @returns the error of the request, or null */
  async #attempt(batch: readonly Entry[]): Promise<KafkaError | null> {
    const { topic } = this.#options
    try {
      const link = await this.#leader.connect()
      const entries = batch.filter(entry => !entry.settled)
      const timeout = Math.ceil((entries.at(-1)?.deadline ?? 0) - performance.now())
      if (timeout <= 0) return null
      for (const entry of entries) entry.sent = true
      const records = entries.map(({ value }) => ({ key: NO_KEY, value }))
      const request = { topic, timestamp: Date.now(), partitions: new Map([[PARTITION, records]]) }
      const written = (await produce(link, request, timeout)).get(PARTITION)
      if (!written || written instanceof Error)
        return explain(written, { topic, broker: link.address })
      this.#backoff.reset()
      this.#trouble = null
      this.#succeed(entries, written)
      return null
    } catch (error) {
      return explain(error, { topic })
    }
  }

  #succeed(entries: readonly Entry[], { offset, appendTime }: WrittenBatch): void {
    entries.forEach((entry, i) => {
      if (this.#settle(entry)) entry.resolve({ offset: offset + i, time: appendTime })
    })
  }

  /** The brokers refuse one record of the batch: the others are written without it. */
  async #refuse(entries: readonly Entry[], error: KafkaError): Promise<void> {
    if (entries.length > 1) {
      for (const entry of entries) await this.#write([entry])
      return
    }
    const [entry] = entries
    const { length } = entry.value
    this.#fail(
      entry,
      new AppendError(
        TOO_LARGE.has(error.type)
          ? `the brokers refuse a record of ${length} bytes: send less at once, or increase max.message.bytes of topic ${this.#options.topic}`
          : `the brokers refuse the record: ${error.message}`,
        false,
        { cause: error, tooLarge: TOO_LARGE.has(error.type) },
      ),
    )
  }

  #expire(entry: Entry): void {
    const { topic, timeout } = this.#options
    const reason = this.#trouble?.message ?? 'they did not respond: check whether they are running'
    this.#fail(
      entry,
      new AppendError(
        `the brokers did not take the record for topic ${topic} within ${timeout / 1000} s: ${reason}`,
        entry.sent,
        { cause: this.#trouble ?? undefined },
      ),
    )
  }

  #fail(entry: Entry, error: AppendError): void {
    if (!this.#settle(entry)) return
    this.#waiting.delete(entry)
    entry.reject(error)
  }

  /** @returns false if it had a result before */
  #settle(entry: Entry): boolean {
    if (entry.settled) return false
    entry.settled = true
    clearTimeout(entry.timer)
    return true
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
