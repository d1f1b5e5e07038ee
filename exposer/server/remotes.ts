import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import type { ProxyEnvironment } from '../../shared/http/client/no-proxy.js'
import type { RemoteWriteConfig } from '../../shared/remote-write/config.js'
import type { MemoryLimits } from '../core/store/memory.js'
import { Remote } from '../remote-write/remote.js'
import { RemoteWriteMetrics } from '../telemetry/remote-write-metrics.js'
import type { Telemetry } from '../telemetry/telemetry.js'
import type { ExposerConfig } from './config.js'

/** Remote write of a shard. */
export interface RemoteWriteOptions extends RemoteWriteConfig {
  /** Whether samples have the playout time instead of the collection time. */
  readonly playout: boolean
  readonly proxyEnvironment: ProxyEnvironment
  /** Topic of what gateways receive by remote write. */
  readonly writesTopic: string
}

/** Share of the memory that all receivers have together. */
const SHARE = 1 / 3

/** What is left of the memory for the targets that are served. */
export function servedMemory({ memory, remoteWrite }: ExposerConfig): MemoryLimits {
  return remoteWrite?.remotes.length ? scaled(memory, 1 - SHARE) : memory
}

/** Creates the receivers of a shard. */
export function createRemotes(
  config: ExposerConfig,
  dependencies: {
    readonly clock: Clock
    readonly logger: Logger
    readonly version: string
    readonly telemetry: Telemetry
    /** URL of this shard. */
    readonly address: string
  },
): readonly Remote[] {
  const { remoteWrite } = config
  if (!remoteWrite || remoteWrite.remotes.length === 0) return []
  const { clock, logger, version, telemetry, address } = dependencies
  const remotes: Remote[] = []
  const metrics = new RemoteWriteMetrics(telemetry.registry, () => remotes)
  for (const one of remoteWrite.remotes) {
    remotes.push(
      new Remote({
        config: one,
        external: remoteWrite.external,
        kafka: config.kafka,
        topic: config.topic,
        writesTopic: remoteWrite.writesTopic,
        group: config.group,
        address,
        sessionTimeout: config.sessionTimeout,
        heartbeatInterval: config.heartbeatInterval,
        replayWindow: config.replayWindow,
        forgetMs: config.staleness.forget,
        limits: config.limits,
        memory: scaled(config.memory, SHARE / remoteWrite.remotes.length),
        playout: remoteWrite.playout,
        proxyEnvironment: remoteWrite.proxyEnvironment,
        userAgent: `kafka-exposer/${version}`,
        clock,
        logger,
        onRequest: seconds => metrics.observe(one.remote.name, seconds),
      }),
    )
  }
  return remotes
}

const scaled = ({ heap, total }: MemoryLimits, share: number): MemoryLimits => ({
  heap: Math.floor(heap * share),
  total: Math.floor(total * share),
})
