import { Kafka, logLevel, type Producer } from 'kafkajs'

interface QueuedRecord {
  /** Earliest time of sending, Unix ms. */
  readonly due: number
  readonly key: string
  readonly value: string
}

/** Maximum size of a produce request. The brokers' default limit is 1 MB. */
const BATCH_BYTES = 500_000
const BACKOFF_MS = 1000

/**
 * The usual design of a send path: kafkajs's producer with its default settings and retries,
 * batches, and a queue of records that could not be sent yet, so that an outage loses no sample.
 * The queue is unbounded: a bound requires a decision on what to drop, which the usual design does
 * not make.
 */
export class NaiveQueue {
  readonly #queue: QueuedRecord[] = []
  readonly #producer: Producer
  #isStopped = false
  #sendErrors = 0
  #bytes = 0

  private constructor(
    brokers: readonly string[],
    private readonly topic: string,
  ) {
    const kafka = new Kafka({
      brokers: [...brokers],
      clientId: 'naive-publisher',
      logLevel: logLevel.NOTHING,
    })
    this.#producer = kafka.producer()
  }

  static async start(brokers: readonly string[], topic: string): Promise<NaiveQueue> {
    const queue = new NaiveQueue(brokers, topic)
    await queue.#producer.connect()
    void queue.#sendAll()
    return queue
  }

  get sendErrors(): number {
    return this.#sendErrors
  }

  /** Size of the queue. */
  get bytes(): number {
    return this.#bytes
  }

  push(key: string, value: string, due = 0): void {
    this.#queue.push({ due, key, value })
    this.#bytes += value.length
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#producer.disconnect()
  }

  /** The oldest records that are due, up to the size of one request. */
  #dueRecords(now: number): QueuedRecord[] {
    let bytes = 0
    let count = 0
    for (const { due, value } of this.#queue) {
      bytes += value.length
      if (due > now || (count > 0 && bytes > BATCH_BYTES)) break
      count++
    }
    return this.#queue.slice(0, count)
  }

  async #sendAll(): Promise<void> {
    while (!this.#isStopped) {
      const batch = this.#dueRecords(Date.now())
      if (batch.length === 0) {
        await new Promise(resolve => setTimeout(resolve, 20))
        continue
      }
      try {
        await this.#producer.send({
          topic: this.topic,
          messages: batch.map(({ key, value }) => ({ key, value })),
        })
        this.#queue.splice(0, batch.length)
        this.#bytes -= batch.reduce((sum, { value }) => sum + value.length, 0)
      } catch {
        this.#sendErrors++
        await new Promise(resolve => setTimeout(resolve, BACKOFF_MS))
      }
    }
  }
}
