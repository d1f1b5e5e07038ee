import type { Registry } from 'prom-client'
import { NaiveQueue } from './queue.js'
import type { NaiveRecord } from './record.js'

export interface NaivePublisherOptions {
  readonly register: Registry
  readonly brokers: readonly string[]
  readonly topic: string
  readonly job: string
  readonly instance: string
  readonly intervalMs: number
  /** Draws the delay from collection to sending, in ms. Records are sent in order all the same. */
  drawDelayMs(): number
}

/** The usual design of a publisher, carefully built: a timer, JSON, and a send queue. */
export class NaivePublisher {
  #timer: NodeJS.Timeout | undefined
  #collected = 0

  private constructor(
    private readonly options: NaivePublisherOptions,
    private readonly queue: NaiveQueue,
  ) {}

  static async start(options: NaivePublisherOptions): Promise<NaivePublisher> {
    const publisher = new NaivePublisher(
      options,
      await NaiveQueue.start(options.brokers, options.topic),
    )
    publisher.#timer = setInterval(() => void publisher.#collect(), options.intervalMs)
    return publisher
  }

  counts() {
    return {
      collected: this.#collected,
      superseded: 0,
      sendErrors: this.queue.sendErrors,
      bufferedBytes: this.queue.bytes,
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.queue.stop()
  }

  async #collect(): Promise<void> {
    const { register, job, instance, drawDelayMs } = this.options
    const timestamp = Date.now()
    const due = timestamp + drawDelayMs()
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
      this.queue.push(`${job}/${instance}`, JSON.stringify(record), due)
    }
  }
}
