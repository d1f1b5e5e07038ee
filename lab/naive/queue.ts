import { Kafka, logLevel, type Producer } from 'kafkajs'

interface Waiting {
  /** Unix ms before which it is not to be sent. */
  readonly due: number
  readonly key: string
  readonly value: string
}

/** Bytes of one request: brokers take a megabyte by default. */
const BATCH_BYTES = 500_000
const PAUSE_MS = 1000

/**
 * The way to Kafka as it is usually built: the client's producer with its defaults (its retries included), batches, and a queue of what could not be sent yet,
 * so that nothing is lost in an outage. The queue has no bound: whoever bounds it has to decide what to lose, and that is what the naive
 * design does not do.
 */
export class NaiveQueue {
  readonly #queue: Waiting[] = []
  readonly #producer: Producer
  #stopped = false
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
    void queue.#send()
    return queue
  }

  get sendErrors(): number {
    return this.#sendErrors
  }

  /** What waits. */
  get bytes(): number {
    return this.#bytes
  }

  push(key: string, value: string, due = 0): void {
    this.#queue.push({ due, key, value })
    this.#bytes += value.length
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#producer.disconnect()
  }

  /** The oldest that may go now, as many as fit into a request. */
  #due(now: number): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { due, value } of this.#queue) {
      bytes += value.length
      if (due > now || (count > 0 && bytes > BATCH_BYTES)) break
      count++
    }
    return this.#queue.slice(0, count)
  }

  async #send(): Promise<void> {
    while (!this.#stopped) {
      const batch = this.#due(Date.now())
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
        await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
      }
    }
  }
}
