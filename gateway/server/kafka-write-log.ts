import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { RepeatedWarnings } from '../../shared/base/repeated-warnings.js'
import { explain, type KafkaError, outageKind } from '../../shared/kafka/errors.js'
import { createSender, type Sender, type SenderEntry } from '../../shared/kafka/sender.js'
import { checkTopic } from '../../shared/kafka/topics.js'
import type { KafkaConfig } from '../../shared/kafka/types.js'
import { targetKey } from '../../shared/snapshot/key.js'
import type { WriteLog } from '../api/write/write-log.js'
import { LogTime } from './log-time.js'

export interface WriteLogOptions {
  readonly kafka: KafkaConfig
  readonly topic: string
  readonly clock: Clock
  readonly logger: Logger
}

/** Less than the timeouts of senders: 30 s in Prometheus, a minute in vmagent. */
const SEND_TIMEOUT_MS = 10_000
/** A time that the brokers have told is relied on for so long before it refuses samples, ms. */
const CONFIRMED_MS = 1000
/** A request of protocol 2.0 without series, whose append tells the time of the brokers. */
const NO_SERIES = Buffer.from([0x22, 0x00])
const CLOCK_KEY = targetKey([{ name: 'job', value: 'remote_write' }])
/** While the topic cannot be used, it is checked again at most this often. */
const RECHECK_MS = 2000

/**
 * The topic of remote write requests. It is checked when the first request arrives, since a gateway
 * that gets none does not need it.
 */
export class KafkaWriteLog implements WriteLog {
  readonly #sender: Sender
  readonly #time = new LogTime()
  readonly #warnings: RepeatedWarnings
  #confirming: Promise<void> | undefined
  #isUsable = false
  #trouble: string | undefined
  #checkedAt = Number.NEGATIVE_INFINITY
  #checking: Promise<void> | undefined

  constructor(private readonly options: WriteLogOptions) {
    const { kafka, topic, clock, logger } = options
    this.#warnings = new RepeatedWarnings(logger, clock)
    this.#sender = createSender({
      kafka,
      topic,
      logger,
      sendTimeout: SEND_TIMEOUT_MS,
      onAppended: time => this.#time.observe(time, clock.now().mono),
    })
  }

  async trouble(): Promise<string | undefined> {
    if (this.#isUsable) return undefined
    const { mono } = this.options.clock.now()
    if (!this.#checking && mono - this.#checkedAt >= RECHECK_MS)
      this.#checking = this.#check().finally(() => {
        this.#checkedAt = this.options.clock.now().mono
        this.#checking = undefined
      })
    await this.#checking
    return this.#isUsable ? undefined : this.#trouble
  }

  logTime(): number {
    return this.#time.at(this.options.clock.now().mono)
  }

  async confirmLogTime(): Promise<void> {
    if (this.#time.age(this.options.clock.now().mono) < CONFIRMED_MS) return
    this.#confirming ??= this.#sender.send(CLOCK_KEY, [NO_SERIES]).finally(() => {
      this.#confirming = undefined
    })
    await this.#confirming
  }

  async append(entries: readonly SenderEntry[]): Promise<readonly (KafkaError | null)[]> {
    const errors = await this.#sender.sendAll(entries)
    for (const error of errors)
      if (error) this.#warnings.warn(outageKind(error), `Remote write fails: ${error.message}`)
    return errors
  }

  stop(): Promise<void> {
    return this.#sender.disconnect()
  }

  async #check(): Promise<void> {
    const { kafka, topic, logger } = this.options
    try {
      const report = await checkTopic(kafka, topic, { key: 'writes', role: 'gateway' })
      const errors = report.problems.filter(({ severity }) => severity === 'error')
      this.#isUsable = errors.length === 0
      this.#trouble = errors.map(({ message, fix }) => `${message}. To fix it: ${fix}`).join('; ')
      if (this.#isUsable)
        for (const { message, fix } of report.problems)
          logger.warn(`topic ${topic}: ${message}`, { fix })
    } catch (error) {
      this.#trouble = explain(error, { topic }).message
    }
    if (!this.#isUsable) this.#warnings.warn('topic', `Remote write fails: ${this.#trouble}`)
  }
}
