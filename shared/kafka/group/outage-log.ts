import type { Clock } from '../../base/clock.js'
import type { Logger } from '../../base/logger.js'
import { RepeatedWarnings } from '../../base/repeated-warnings.js'
import { type KafkaError, outageKind } from '../errors.js'

/**
 * Logs errors of requests that are retried: an outage is one line per 30 s, not one per attempt.
 */
export class OutageLog {
  readonly #warnings: RepeatedWarnings

  constructor(
    logger: Logger,
    clock: Clock,
    private readonly fields: Readonly<Record<string, unknown>>,
  ) {
    this.#warnings = new RepeatedWarnings(logger, clock)
  }

  report(error: KafkaError): void {
    const fields = { ...this.fields, error: error.type }
    this.#warnings.warn(outageKind(error), `${error.message}; retrying`, fields)
  }
}
