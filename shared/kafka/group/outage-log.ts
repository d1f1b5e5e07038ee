import type { Clock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import type { KafkaError } from '../errors.js'

const REPEAT_AFTER_MS = 30_000

/**
 * Logs errors of requests that are retried: an outage is one line per 30 s, not one per attempt.
 */
export class OutageLog {
  #last = { message: '', at: Number.NEGATIVE_INFINITY }

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
    private readonly fields: Readonly<Record<string, unknown>>,
  ) {}

  report(error: KafkaError): void {
    const { mono } = this.clock.now()
    if (error.message === this.#last.message && mono - this.#last.at < REPEAT_AFTER_MS) {
      this.logger.debug(error.message)
      return
    }
    this.#last = { message: error.message, at: mono }
    this.logger.warn(`${error.message}; retrying`, { ...this.fields, error: error.type })
  }
}
