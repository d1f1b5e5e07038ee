import type { Logger } from '../../../shared/base/logger.js'
import type { RepeatedWarnings } from '../../../shared/base/repeated-warnings.js'
import type { Discovery } from './discovery.js'

/**
 * Logs the problems of the discoveries of a job when they change, and that they are over. Those that
 * change all the time are logged each half minute.
 */
export class DiscoveryProblems {
  readonly #reported = new Map<Discovery, string>()

  constructor(
    private readonly logger: Logger,
    private readonly warnings: RepeatedWarnings,
    private readonly job: string,
  ) {}

  report(discovery: Discovery): void {
    const { job } = this
    const { mechanism, source, problems } = discovery
    const reason = problems.join('; ')
    const before = this.#reported.get(discovery) ?? ''
    if (reason === before) return
    this.#reported.set(discovery, reason)
    const kind = `${job}/${mechanism}/${source}`
    if (reason !== '')
      this.warnings.warn(kind, 'Discovery fails: its targets stay as they were', {
        job,
        mechanism,
        reason,
      })
    else this.logger.info('Discovery succeeds again', { job, mechanism })
  }
}
