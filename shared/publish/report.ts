import type { Logger } from '../base/logger.js'
import { quote } from '../base/quote.js'

/** Warnings of one kind are at least this far apart. */
const WARN_EVERY_MS = 60_000
/** As above, for one source and kind of failure. */
const SOURCE_WARN_EVERY_MS = 30_000
/** Dropped metrics that are logged by name when the set changes. */
const MAX_NAMED_METRICS = 10

/** Why a source, or one of its metrics, is not published. */
export interface SourceFailure {
  readonly source: string
  readonly kind: string
  readonly metric?: string
  readonly message: string
}

/**
 * The log messages of a publisher. Failures are logged at most once a minute by kind, those
 * of a source every half minute, recovery once, and each dropped metric once.
 */
export class Report {
  readonly #logger: Logger
  /** Time of the last warning by action and kind, monotonic ms. */
  readonly #warnedAt = new Map<string, number>()
  #failing = false
  #overlapping = false
  #dropped: ReadonlySet<string> = new Set()
  #omitted: ReadonlySet<string> = new Set()

  constructor(logger: Logger) {
    this.#logger = guarded(logger)
  }

  /** Logger for the Kafka client: everything at level debug, since this class logs the failures. */
  get clientLogger(): Logger {
    const debug: Logger['debug'] = (message, fields) => this.#logger.debug(message, fields)
    return { debug, info: debug, warn: debug, error: debug }
  }

  /** @param superseded snapshots superseded so far */
  acknowledged(superseded: number): void {
    if (!this.#failing) return
    this.#failing = false
    this.#warnedAt.delete('publish metrics')
    this.#logger.info('publishing again', { superseded })
  }

  /** @param mono time of the failure, monotonic ms */
  sendFailed(error: Error, mono: number): void {
    this.#failing = true
    this.#warn('publish metrics', error, mono)
  }

  /** @param mono time of the failure, monotonic ms */
  collectionFailed(error: Error, mono: number): void {
    this.#warn('collect metrics', error, mono)
  }

  /**
   * Some sources or metrics failed, and others are published. Logs one line for each source and
   * kind of failure.
   *
   * @param mono time of the failure, monotonic ms
   */
  sourcesFailed(failures: readonly SourceFailure[], mono: number): void {
    const byKind = new Map<string, SourceFailure[]>()
    for (const failure of failures) {
      const kind = `${failure.source} ${failure.kind}`
      byKind.set(kind, [...(byKind.get(kind) ?? []), failure])
    }
    for (const [kind, [first, ...more]] of byKind) {
      const where = first.metric === undefined ? '' : `metric ${quote(first.metric)} of `
      const others = more.length > 0 ? `, and ${more.length} more` : ''
      const error = new Error(`${first.message} (${where}${first.source}${others})`)
      this.#warn('collect all metrics', error, mono, kind, SOURCE_WARN_EVERY_MS)
    }
  }

  /**
   * Other runs publish the same target. Logged with each check that finds some, and once when none
   * is left.
   *
   * @param others incarnations of the other runs
   */
  overlap(target: string, incarnation: number, others: ReadonlySet<number>): void {
    const wasOverlapping = this.#overlapping
    this.#overlapping = others.size > 0
    if (others.size === 0) {
      if (wasOverlapping) this.#logger.info(`no other run publishes as ${target} any longer`)
      return
    }
    const newest = Math.max(incarnation, ...others)
    const exposed = newest === incarnation ? 'this one' : `the one of ${timeText(newest)}`
    this.#logger.warn(
      `${others.size + 1} runs publish as ${target}, and only the newest is exposed: ${exposed}; give each publisher an instance of its own`,
    )
  }

  /** Another publisher of this process has the same labels. */
  sameTarget(target: string): void {
    this.#logger.warn(
      `another publisher of this process publishes as ${target}, and only the newest is exposed; give each an instance of its own`,
    )
  }

  /** This user may not read the topic. */
  overlapNotWatched(error: Error): void {
    this.#logger.debug(`other runs of this target are not looked for: ${error.message}`)
  }

  endNotAcknowledged(deadlineMs: number): void {
    this.#logger.warn(
      `stopped without an end of the run: Kafka did not acknowledge the final snapshot within ${deadlineMs} ms; the target will be down (up 0) instead of ended`,
    )
  }

  /**
   * @param dropped metrics that are dropped in whole or in part, with the reason
   * @param omitted number of series of expositions that are left out, by reason
   */
  dropped(
    dropped: ReadonlyMap<string, string>,
    omitted: ReadonlyMap<string, number> = new Map(),
  ): void {
    for (const [reason, count] of omitted) {
      if (this.#omitted.has(reason)) continue
      this.#logger.warn(`${count} series of an exposition are not published in full: ${reason}`)
    }
    this.#omitted = new Set(omitted.keys())
    const added = [...dropped].filter(([name]) => !this.#dropped.has(name))
    this.#dropped = new Set(dropped.keys())
    for (const [name, why] of added.slice(0, MAX_NAMED_METRICS)) {
      this.#logger.warn(`metric ${JSON.stringify(name)} is not published in full: ${why}`)
    }
    const more = added.length - MAX_NAMED_METRICS
    if (more > 0) this.#logger.warn(`${more} more metrics are not published in full`)
  }

  #warn(action: string, error: Error, mono: number, kind = '', everyMs = WARN_EVERY_MS): void {
    const key = `${action} ${kind}`.trimEnd()
    if (mono - (this.#warnedAt.get(key) ?? Number.NEGATIVE_INFINITY) < everyMs) return
    this.#warnedAt.set(key, mono)
    this.#logger.warn(`cannot ${action}: ${error.message}`)
  }
}

/** Ignores errors of the application's logger, which must not stop the publisher or the process. */
function guarded(logger: Logger): Logger {
  const guard =
    (level: keyof Logger): Logger['warn'] =>
    (message, fields) => {
      try {
        logger[level](message, fields)
      } catch {
        // There is no other place to report it.
      }
    }
  return { debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') }
}

/** Also for a time that is no date, of a foreign record. */
function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString()
}
