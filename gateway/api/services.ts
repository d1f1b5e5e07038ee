import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import type { RequestBodies } from '../../shared/http/body/request-bodies.js'
import type { ResponseLimit } from '../../shared/http/limit/response-limit.js'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import type { StoreProgress } from '../store/progress.js'
import type { PushStore } from '../store/store.js'
import type { Telemetry } from '../telemetry/telemetry.js'
import type { Admission } from './admission.js'
import type { Capacity } from './capacity.js'
import type { GroupingRules } from './grouping.js'
import type { PushReaders } from './push-readers.js'
import type { WriteReceiver } from './write/receiver.js'

/** How pushes are treated. */
export interface PushOptions extends GroupingRules {
  /** Whether pushes are checked for consistency. */
  readonly checked: boolean
  /** Expiry of push groups without one of their own, ms; 0 for never. */
  readonly expiryMs: number
  /** The same for ingested series. */
  readonly ingestExpiryMs: number
}

/** Paths that can be chosen. */
export interface Paths {
  readonly metrics: string
  readonly telemetry: string
  readonly ingest: string
}

/** What `/api/v1/status` tells. */
export interface ProgramStatus {
  readonly version: string
  readonly startTime: Date
  /** Values of the flags by name. */
  readonly flags: Readonly<Record<string, string>>
  /** Kind of the store, for the page: `kafka`. */
  readonly store: string
}

/**
 * Dependencies of the handlers. A function declares the part that it needs: `Pick<Services,
 * 'store'>`.
 */
export interface Services {
  readonly store: PushStore
  readonly readers: PushReaders
  readonly bodies: RequestBodies
  readonly admission: Admission
  /** Undefined without Kafka. */
  readonly writes: WriteReceiver | undefined
  readonly capacity: Capacity
  readonly telemetry: Telemetry
  /** Bounds the requests and responses in progress. */
  readonly responses: ResponseLimit
  /** TLS and users; undefined for plain HTTP without authentication. */
  readonly web: LiveWebConfig | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly options: PushOptions
  readonly paths: Paths
  /** Prefix under which all paths are served, besides the root; empty without one. */
  readonly routePrefix: string
  readonly status: ProgramStatus
  readonly adminApi: boolean
  /** Ends the program; undefined if `--web.enable-lifecycle` is not set. */
  readonly quit: (() => void) | undefined
  /** Why the gateway is not ready; undefined when it is. */
  readonly trouble: () => string | undefined
  /** What a gateway that is ready cannot do now, as a sentence without its full stop. */
  readonly impairment: () => string | undefined
  /** How far the store is. */
  readonly progress: () => StoreProgress
}
