import { Kafka, logLevel, type Producer } from 'kafkajs'
import type { Registry } from 'prom-client'
import type { NaiveRecord } from './record.js'

export interface NaiveOptions {
  readonly register: Registry
  readonly brokers: readonly string[]
  readonly topic: string
  readonly job: string
  readonly instance: string
  readonly intervalMs: number
  /** Milliseconds from a collection to its being sent; the order is kept. */
  way(): number
}

interface Waiting {
  readonly due: number
  readonly value: string
}

/** Bytes of one request: brokers take a megabyte by default. */
const BATCH_BYTES = 500_000
const PAUSE_MS = 1000

/**
 * Publishing metrics as it is usually built, and no straw man: a timer, JSON, the client's producer with its defaults (its retries included), batches, and a
 * queue of what could not be sent yet, so that nothing is lost in an outage. The queue has no bound: whoever bounds it has to decide what to
 * lose, and that is what the naive design does not do.
 */
export class NaivePublisher {
  readonly #queue: Waiting[] = []
  readonly #producer: Producer
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #collected = 0
  #sendErrors = 0
  #queuedBytes = 0

  private constructor(private readonly options: NaiveOptions) {
    const kafka = new Kafka({
      brokers: [...options.brokers],
      clientId: 'naive-publisher',
      logLevel: logLevel.NOTHING,
    })
    this.#producer = kafka.producer()
  }

  static async start(options: NaiveOptions): Promise<NaivePublisher> {
    const publisher = new NaivePublisher(options)
    await publisher.#producer.connect()
    publisher.#timer = setInterval(() => void publisher.#collect(), options.intervalMs)
    void publisher.#send()
    return publisher
  }

  counts() {
    return {
      collected: this.#collected,
      superseded: 0,
      sendErrors: this.#sendErrors,
      bufferedBytes: this.#queuedBytes,
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopped = true
    await this.#producer.disconnect()
  }

  async #collect(): Promise<void> {
    const { register, job, instance, way } = this.options
    const timestamp = Date.now()
    const due = timestamp + way()
    this.#collected++
    for (const metric of await register.getMetricsAsJSON()) {
      const record: NaiveRecord = {
        labels: { job, instance },
        timestamp,
        name: metric.name,
        type: String(metric.type),
        samples: metric.values.map(value => [
          (value as { metricName?: string }).metricName ?? metric.name,
          value.labels as Record<string, string | number>,
          value.value,
        ]),
      }
      const value = JSON.stringify(record)
      this.#queue.push({ due, value })
      this.#queuedBytes += value.length
    }
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
    const { topic, job, instance } = this.options
    while (!this.#stopped) {
      const now = Date.now()
      const batch = this.#due(now)
      if (batch.length === 0) {
        await new Promise(resolve => setTimeout(resolve, 20))
        continue
      }
      try {
        await this.#producer.send({
          topic,
          messages: batch.map(({ value }) => ({ key: `${job}/${instance}`, value })),
        })
        this.#queue.splice(0, batch.length)
        this.#queuedBytes -= batch.reduce((sum, { value }) => sum + value.length, 0)
      } catch {
        this.#sendErrors++
        await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
      }
    }
  }
}
