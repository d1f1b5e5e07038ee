import type { Registry } from 'prom-client'
import { Sampler } from '../../producer/sampler.js'
import { Sources } from '../../producer/source.js'
import { createSender, type Sender } from '../../shared/kafka/sender.js'
import { sortLabels } from '../../shared/metrics/labels.js'
import { snapshotOf } from '../../shared/publish/publications.js'
import type { RunHeader } from '../../shared/publish/run.js'
import { Schedule } from '../../shared/publish/schedule.js'
import { targetKey } from '../../shared/snapshot/key.js'

export interface DelayedPublisherOptions {
  readonly register: Registry
  readonly brokers: readonly string[]
  readonly topic: string
  readonly job: string
  readonly instance: string
  readonly intervalMs: number
  /**
   * Draws the delay from collection to sending, in ms. Snapshots are sent in order all the same.
   */
  drawDelayMs(): number
}

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * Publisher with an artificial delay between collection and sending. Schedule, sampler, encoding
 * and sender are those of the real publisher, which has no such option. Snapshots are not
 * superseded: a delayed snapshot has to arrive.
 */
export class DelayedPublisher {
  #collected = 0
  #sendErrors = 0
  readonly #sampler = new Sampler()
  readonly #sender: Sender
  readonly #schedule: Schedule
  readonly #run: RunHeader
  readonly #sources: Sources
  readonly #key: Buffer
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> = Promise.resolve()

  private constructor(private readonly options: DelayedPublisherOptions) {
    const { register, brokers, topic, job, instance, intervalMs } = options
    this.#sources = new Sources(register)
    const target = sortLabels({ job, instance })
    this.#key = targetKey(target)
    this.#run = { target, intervalMs, incarnation: Date.now() }
    this.#schedule = new Schedule(this.#key, intervalMs)
    this.#sender = createSender({
      kafka: { brokers: [...brokers] },
      topic,
      logger: silentLogger,
      sendTimeout: 5000,
    })
  }

  static start(options: DelayedPublisherOptions): DelayedPublisher {
    const publisher = new DelayedPublisher(options)
    publisher.#scheduleNext()
    return publisher
  }

  counts() {
    return {
      collected: this.#collected,
      superseded: 0,
      sendErrors: this.#sendErrors,
      bufferedBytes: 0,
    }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await Promise.race([this.#sending, new Promise(resolve => setTimeout(resolve, 500))])
    await this.#sender.disconnect()
  }

  #scheduleNext(previous?: number): void {
    const wall = Date.now()
    const tick = this.#schedule.after(wall, previous)
    this.#timer = setTimeout(
      () => {
        void this.#publish()
        this.#scheduleNext(tick)
      },
      this.#schedule.wait(tick, wall),
    )
  }

  async #publish(): Promise<void> {
    const collectedAt = Date.now()
    const { readings } = await this.#sources.collect(this.options.intervalMs)
    const sample = await this.#sampler.read(readings).sample()
    const collection = { sequence: this.#collected++, collectedAt, collectSeconds: 0.001 }
    const records = [...snapshotOf(this.#run, collection, sample, false).encode(0)]
    const due = collectedAt + this.options.drawDelayMs()
    this.#sending = this.#sending
      .then(() => new Promise<void>(resolve => setTimeout(resolve, due - Date.now())))
      .then(() => this.#sender.send(this.#key, records))
      .catch(() => {
        this.#sendErrors++
      })
  }
}
