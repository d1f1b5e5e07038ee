import type { GatewayConfig } from '../../gateway/server/config.js'
import { createGateway, type Gateway } from '../../gateway/server/gateway.js'
import type { StoreWithMetrics } from '../../gateway/server/stores.js'
import type { StoreProgress } from '../../gateway/store/progress.js'
import type { PushStore } from '../../gateway/store/store.js'
import type { Clock } from '../../shared/base/clock.js'
import { createLogger } from '../../shared/base/log.js'
import { DEFAULT_LIMITS } from '../../shared/metrics/limits.js'
import { LocalPushStore } from './local-push-store.js'

const MIB = 2 ** 20

const gatewayConfig = (overrides: Partial<GatewayConfig> = {}): GatewayConfig => ({
  listen: { host: '127.0.0.1', port: 0 },
  externalUrl: undefined,
  routePrefix: undefined,
  paths: { metrics: '/metrics', telemetry: '/telemetry', ingest: '/ingest' },
  maxConnections: 1000,
  maxRequests: 40,
  web: undefined,
  enableLifecycle: true,
  enableAdminApi: true,
  checked: true,
  utf8Names: false,
  writeTargetLabels: ['job', 'instance', 'cluster'],
  expiration: { groups: 0, ingested: 300_000 },
  limits: {
    bodyBytes: 16 * MIB,
    decodedBytes: 64 * MIB,
    push: DEFAULT_LIMITS,
    totalSamples: 10_000_000,
    memory: 256 * MIB,
    requests: 1000,
    rate: 0,
    newTargets: 0,
  },
  flags: { 'web.listen-address': '127.0.0.1:0' },
  store: 'local',
  ...overrides,
})

export interface StartedGateway<S extends PushStore = LocalPushStore> {
  readonly gateway: Gateway
  readonly store: S
  readonly url: string
  stop(): Promise<void>
}

/** Starts a gateway on a free port, with a store of this process. */
export async function startGateway(
  overrides: Partial<GatewayConfig> = {},
  store = new LocalPushStore(),
  progress: StoreProgress = {},
  writeLog?: StoreWithMetrics['writeLog'],
  clock?: Clock,
): Promise<StartedGateway> {
  const gateway = createGateway(gatewayConfig(overrides), {
    store,
    register() {},
    impairment: () => undefined,
    progress: () => progress,
    ...(writeLog && { writeLog }),
    ...(clock && { clock }),
    logger: createLogger({ level: 'error', format: 'logfmt' }),
    version: '0.0.0',
  })
  await gateway.start()
  return { gateway, store, url: gateway.url, stop: () => gateway.stop() }
}
