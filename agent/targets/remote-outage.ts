import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { RepeatedWarnings } from '../../shared/base/repeated-warnings.js'
import type { WriteFigures } from '../../shared/remote-write/figures.js'

/** Requests that fail before a success is worth a line of the log. */
const MIN_FAILURES = 3

/** Logs what an outage of a receiver of remote write costs, and its end. */
export class RemoteOutage {
  readonly #warnings: RepeatedWarnings
  /** Collections dropped since the last outage, or in this one. */
  #dropped = 0
  /** Failed requests before this outage. */
  #failedBefore = 0

  constructor(
    private readonly remote: string,
    private readonly figures: WriteFigures,
    private readonly logger: Logger,
    clock: Clock,
  ) {
    this.#warnings = new RepeatedWarnings(logger, clock)
  }

  /** A collection was dropped before it was stored. */
  drop(): void {
    const { remote, figures } = this
    this.#warnings.warn('dropped', 'Collections are dropped: the receiver does not store them', {
      remote,
      dropped: ++this.#dropped,
      error: figures.lastError,
    })
  }

  /** A collection was stored, or refused for good. */
  settle(): void {
    const { lastError, failedRequests } = this.figures
    if (lastError !== '') return
    const failures = failedRequests - this.#failedBefore
    this.#failedBefore = failedRequests
    if (failures < MIN_FAILURES) return
    const { remote } = this
    this.logger.info('The receiver stores samples again', { remote, dropped: this.#dropped })
    this.#dropped = 0
  }

  /** @param collections that were not stored when the agent stopped */
  stop(collections: number): void {
    if (collections === 0) return
    this.logger.warn('Stopped before all collections were stored: the rest is lost', {
      remote: this.remote,
      collections,
    })
  }
}
