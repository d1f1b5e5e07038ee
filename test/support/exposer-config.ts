import type { ExposerConfig } from '../../exposer/server/config.js'
import { DEFAULT_LIMITS } from '../../shared/metrics/limits.js'

/**
 * The default configuration of a shard, without playout delay, on any free port, without a cluster.
 */
export const EXPOSER_CONFIG: ExposerConfig = {
  kafka: { brokers: ['127.0.0.1:1'] },
  topic: 'metrics.snapshots',
  group: 'test',
  sessionTimeout: 20_000,
  heartbeatInterval: 2000,
  replayWindow: 600_000,
  listen: { host: '127.0.0.1', port: 0 },
  advertiseAddress: undefined,
  externalUrl: undefined,
  maxConnections: 1000,
  maxRequests: 40,
  view: 'latest',
  timestamps: 'none',
  playoutDelay: 0,
  history: { maxAge: 600_000, bytes: 128 * 1024 * 1024 },
  tombstone: 300_000,
  staleness: { maxAge: 120_000, forget: 3_600_000 },
  limits: DEFAULT_LIMITS,
  memory: { heap: 256 * 1024 * 1024, total: 512 * 1024 * 1024 },
  layoutBytes: 64 * 1024 * 1024,
}
