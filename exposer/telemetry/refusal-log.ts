import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import type { RefusalReason } from '../../shared/snapshot/errors.js'
import type { Refusal } from '../core/options.js'

const REPEAT_AFTER_MS = 10_000

/**
 * Refused records as lines in the log, so that they can be found: the first of each reason at once, then one every ten
 * seconds with how many there were. One bad producer must not fill a disk.
 */
export class RefusalLog {
  readonly #last = new Map<RefusalReason, { at: number; unsaid: number }>()

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  report({ reason, partition, offset, message }: Refusal): void {
    const now = this.clock.now().mono
    const last = this.#last.get(reason)
    if (last && now - last.at < REPEAT_AFTER_MS) {
      last.unsaid++
      return
    }
    const more = last?.unsaid ? { more: last.unsaid } : {}
    this.#last.set(reason, { at: now, unsaid: 0 })
    this.logger.warn(`A record is refused: ${message}`, { reason, partition, offset, ...more })
  }
}
