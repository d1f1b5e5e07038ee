import type { Logger } from '../base/logger.js'

/** What the exposer tells of the same trouble is worth a line now and then, not one a second. */
const WARN_EVERY_MS = 60_000
/** Metrics named at a time. */
const DROPPED_TOLD = 10

/** What an app's owner is told: of trouble once a minute, of its end once, of a metric that is left out once. */
export class Report {
  readonly #logger: Logger
  /** Monotonic ms, of each kind of trouble. */
  readonly #warnedAt = new Map<string, number>()
  #failing = false
  #dropped: ReadonlySet<string> = new Set()
  #omitted: ReadonlySet<string> = new Set()

  constructor(logger: Logger) {
    this.#logger = guarded(logger)
  }

  /** For the client, whose lines are about connections: what an app's owner should know is said here. */
  get client(): Logger {
    const debug: Logger['debug'] = (message, fields) => this.#logger.debug(message, fields)
    return { debug, info: debug, warn: debug, error: debug }
  }

  sent(superseded: number): void {
    if (!this.#failing) return
    this.#failing = false
    this.#warnedAt.delete('publish metrics')
    this.#logger.info('publishing again', { superseded })
  }

  sendFailed(error: Error, mono: number): void {
    this.#failing = true
    this.#warn('publish metrics', error, mono)
  }

  /** @param how `incomplete` when the other metrics are published, `failed` when there are none */
  collectFailed(how: 'incomplete' | 'failed', error: Error, mono: number): void {
    this.#warn(how === 'failed' ? 'collect metrics' : 'collect all metrics', error, mono)
  }

  noGoodbye(deadlineMs: number): void {
    this.#logger.warn(
      `stopped without goodbye: Kafka did not take the last snapshot within ${deadlineMs} ms; its target goes down instead of leaving`,
    )
  }

  /**
   * @param dropped metrics of which something is left out, and why
   * @param omitted series of expositions that are left out, by reason
   */
  dropped(dropped: ReadonlyMap<string, string>, omitted: ReadonlyMap<string, number> = new Map()): void {
    for (const [reason, count] of omitted) {
      if (this.#omitted.has(reason)) continue
      this.#logger.warn(`${count} series of an exposition are not published in full: ${reason}`)
    }
    this.#omitted = new Set(omitted.keys())
    const news = [...dropped].filter(([name]) => !this.#dropped.has(name))
    this.#dropped = new Set(dropped.keys())
    for (const [name, why] of news.slice(0, DROPPED_TOLD)) {
      this.#logger.warn(`metric ${JSON.stringify(name)} is not published in full: ${why}`)
    }
    const more = news.length - DROPPED_TOLD
    if (more > 0) this.#logger.warn(`${more} more metrics are not published in full`)
  }

  #warn(what: string, error: Error, mono: number): void {
    if (mono - (this.#warnedAt.get(what) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) return
    this.#warnedAt.set(what, mono)
    this.#logger.warn(`cannot ${what}: ${error.message}`)
  }
}

/** An app's logger that throws is no reason to stop publishing, let alone the app. */
function guarded(logger: Logger): Logger {
  const guard =
    (level: keyof Logger): Logger['warn'] =>
    (message, fields) => {
      try {
        logger[level](message, fields)
      } catch {
        // There is nobody left to tell.
      }
    }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}
