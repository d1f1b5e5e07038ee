import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { snappyFrames } from '../../shared/http/body/codecs.js'
import { RequestBodies } from '../../shared/http/body/request-bodies.js'
import { registerLimitMetrics } from '../../shared/http/limit/metrics.js'
import { ResponseLimit } from '../../shared/http/limit/response-limit.js'
import { routePrefix } from '../../shared/http/route-prefix.js'
import type { LiveWebConfig } from '../../shared/http/web-config/live.js'
import { registerWebConfigMetrics } from '../../shared/http/web-config/metrics.js'
import { DEFAULT_WRITE_LIMITS } from '../../shared/metrics/remote-write/limits.js'
import { Admission } from '../api/admission.js'
import { Capacity } from '../api/capacity.js'
import { PushReaders } from '../api/push-readers.js'
import type { Services } from '../api/services.js'
import { OTHER_POOLS } from '../api/turn.js'
import { WriteReceiver } from '../api/write/receiver.js'
import type { WriteLog } from '../api/write/write-log.js'
import type { StoreProgress } from '../store/progress.js'
import type { PushStore } from '../store/store.js'
import { Telemetry } from '../telemetry/telemetry.js'
import type { GatewayConfig } from './config.js'

const MIB = 2 ** 20
/** Below the largest record of the topic, with room for what a record has besides. */
const MAX_RECORD_BYTES = 19 * MIB
/** Memory for the names and labels of push groups that are pushed again. */
const READER_BYTES = 32 * MIB
/** Memory for request bodies: a body of the largest size needs twice as much. */
const BODIES_FACTOR = 3
/** Less than the request timeout of the server, which closes connections without a reason. */
const BODY_TIMEOUT_MS = 50_000

/** Dependencies of a gateway other than its configuration. */
export interface GatewayParts {
  readonly store: PushStore
  /** Undefined: remote write is not received. */
  readonly writeLog: WriteLog | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly version: string
  readonly web: LiveWebConfig | undefined
  readonly quit: () => void
  /** Why the gateway is not ready: it is starting or stopping. */
  readonly trouble: () => string | undefined
  /** What a gateway that is ready cannot do now. */
  readonly impairment: () => string | undefined
  readonly progress: () => StoreProgress
  /** Memory of what is held besides the store, bytes. */
  readonly otherBytes: () => number
}

/** Creates the parts of a gateway and connects them. */
export function assemble(config: GatewayConfig, parts: GatewayParts): Services {
  const { store, clock, logger, web, version } = parts
  const { limits } = config
  const telemetry = new Telemetry(version)
  const readers = new PushReaders(
    { limits: limits.push, utf8Names: config.utf8Names },
    READER_BYTES,
  )
  const bodyLimits = {
    maxSent: limits.bodyBytes,
    maxDecoded: limits.decodedBytes,
    maxHeld: BODIES_FACTOR * limits.decodedBytes,
    timeoutMs: BODY_TIMEOUT_MS,
  }
  const bodies = new RequestBodies(bodyLimits, { snappy: snappyFrames })
  const writes =
    parts.writeLog &&
    new WriteReceiver(parts.writeLog, {
      bodies: bodyLimits,
      memory: bodies.memory,
      requests: limits.requests,
      recordBytes: limits.decodedBytes,
      newTargets: limits.newTargets,
      clock,
      request: { ...DEFAULT_WRITE_LIMITS, textBytes: limits.push.valueBytes },
      labels: limits.push,
      targetLabels: config.writeTargetLabels,
    })
  const admission = new Admission(limits, clock)
  const responses = new ResponseLimit(
    { pools: { scrapes: config.maxRequests, ...OTHER_POOLS }, flag: '--web.max-requests' },
    clock,
  )
  const trouble = () => parts.trouble() ?? store.trouble()
  telemetry.watch({
    held: () => store.held(),
    ready: () => trouble() === undefined,
    inProgress: () => admission.inProgress,
    bodyBytes: () => bodies.held,
    readerBytes: () => readers.bytes,
    memoryLimit: limits.memory,
  })
  writes?.register(telemetry.registry)
  registerLimitMetrics(telemetry.registry, 'gateway', responses)
  if (web) registerWebConfigMetrics(telemetry.registry, 'gateway', web)
  return {
    store,
    readers,
    bodies,
    admission,
    writes,
    capacity: new Capacity(
      {
        samples: limits.push.samples,
        totalSamples: limits.totalSamples,
        get memory() {
          return limits.memory - parts.otherBytes()
        },
        record: MAX_RECORD_BYTES,
      },
      store,
    ),
    telemetry,
    responses,
    web,
    clock,
    logger,
    options: {
      utf8Names: config.utf8Names,
      limits: limits.push,
      checked: config.checked,
      expiryMs: config.expiration.groups,
      ingestExpiryMs: config.expiration.ingested,
    },
    paths: config.paths,
    routePrefix: routePrefix(config.routePrefix, config.externalUrl),
    status: { version, startTime: new Date(), flags: config.flags, store: config.store },
    adminApi: config.enableAdminApi,
    quit: config.enableLifecycle ? parts.quit : undefined,
    trouble,
    impairment: parts.impairment,
    progress: parts.progress,
  }
}
