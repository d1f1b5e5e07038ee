import type { Clock } from './clock.js'
import type { Logger } from './logger.js'

const REPEAT_AFTER_MS = 30_000
const MAX_KINDS = 100

interface Repetition {
  readonly at: number
  suppressed: number
}

/**
 * Logs warnings of one kind at most once per 30 s, with the number of those suppressed in between.
 * Suppressed ones are logged at debug level.
 *
 * Repetition is judged by the kind, not by the text: during one outage the messages name one broker
 * after the other.
 */
export class RepeatedWarnings {
  readonly #repetitions = new Map<string, Repetition>()

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  warn(kind: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const { mono } = this.clock.now()
    const last = this.#repetitions.get(kind)
    if (last && mono - last.at < REPEAT_AFTER_MS) {
      last.suppressed++
      this.logger.debug(message, fields)
      return
    }
    if (!last && this.#repetitions.size >= MAX_KINDS) this.#repetitions.clear()
    this.#repetitions.set(kind, { at: mono, suppressed: 0 })
    const suppressed = last?.suppressed ? { suppressed: last.suppressed } : {}
    this.logger.warn(message, { ...fields, ...suppressed })
  }
}
