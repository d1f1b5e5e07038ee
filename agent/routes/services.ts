import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import type { ResponseLimit } from '../../shared/http/limit/response-limit.js'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import type { Scraping } from '../scrape/scraping.js'
import type { RunningTarget } from '../targets/running-target.js'
import type { Targets } from '../targets/targets.js'
import type { Telemetry } from '../telemetry/telemetry.js'

/** Dependencies of the handlers. */
export interface Services {
  readonly targets: Targets
  readonly scraping: Scraping
  /** The target with the metrics of this machine; undefined without one. */
  readonly host: () => RunningTarget | undefined
  readonly telemetry: Telemetry
  readonly responses: ResponseLimit
  /** TLS and users; undefined for plain HTTP without authentication. */
  readonly web: LiveWebConfig | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly routePrefix: string
  readonly version: string
  /** Reloads the configuration; undefined if `--web.enable-lifecycle` is not set. */
  readonly reload: (() => Promise<string | undefined>) | undefined
  /** Ends the program; undefined if `--web.enable-lifecycle` is not set. */
  readonly quit: (() => void) | undefined
  /** Why the agent is not ready; undefined when it is. */
  readonly trouble: () => string | undefined
  /** What a ready agent cannot do now, as a sentence without its full stop. */
  readonly impairment: () => string | undefined
}
