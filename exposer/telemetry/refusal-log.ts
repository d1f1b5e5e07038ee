import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import type { RefusalReason } from '../../shared/snapshot/errors.js'
import type { Refusal } from '../core/options.js'

const REPEAT_AFTER_MS = 10_000

/**
 * Logs refused records. The first record of each reason is logged at once, then at most one every
 * 10 s with the number of those in between. One faulty producer must not fill a disk.
 */
export class RefusalLog {
  readonly #last = new Map<RefusalReason, { loggedAt: number; skipped: number }>()

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  report({ reason, partition, offset, message }: Refusal): void {
    const now = this.clock.now().mono
    const last = this.#last.get(reason)
    if (last && now - last.loggedAt < REPEAT_AFTER_MS) {
      last.skipped++
      return
    }
    const more = last?.skipped ? { more: last.skipped } : {}
    this.#last.set(reason, { loggedAt: now, skipped: 0 })
    this.logger.warn(`Record refused: ${message}`, { reason, partition, offset, ...more })
  }
}
