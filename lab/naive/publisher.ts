import type { Registry } from 'prom-client'
import { NaiveQueue } from './queue.js'
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

/** Publishing metrics as it is usually built, and no straw man: a timer, JSON, and a queue to Kafka. */
export class NaivePublisher {
  #timer: NodeJS.Timeout | undefined
  #collected = 0

  private constructor(
    private readonly options: NaiveOptions,
    private readonly queue: NaiveQueue,
  ) {}

  static async start(options: NaiveOptions): Promise<NaivePublisher> {
    const publisher = new NaivePublisher(options, await NaiveQueue.start(options.brokers, options.topic))
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
      this.queue.push(`${job}/${instance}`, JSON.stringify(record), due)
    }
  }
}
