import type { Clock } from '../../../shared/base/clock.js'
import type { Logger } from '../../../shared/base/logger.js'
import type { KafkaConfig } from '../../../shared/kafka/types.js'

export interface KafkaStoreOptions {
  readonly kafka: KafkaConfig
  readonly topics: { readonly pushes: string; readonly snapshots: string }
  readonly clock: Clock
  readonly logger: Logger
  /** Go on with what is left if the log does not continue the newest snapshot. */
  readonly acceptGap: boolean
  /** Whether log time has to go on although nothing can expire. Default: false. */
  readonly publishing?: boolean
  /** Called for each append with its duration. */
  readonly onAppended?: (seconds: number) => void
  readonly settings?: Partial<KafkaStoreSettings>
}

/** Times in milliseconds, sizes in bytes. */
export interface KafkaStoreSettings {
  /** After this time a request fails, whatever the brokers do. */
  readonly submitTimeout: number
  /** Maximum number and bytes of requests without a result. */
  readonly maxRequests: number
  readonly maxRequestBytes: number
  /** Time without a record after which a tick is appended, and the maximum random wait before it. */
  readonly tickAfter: number
  readonly tickSpread: number
  /** Log since the last snapshot after which one is written, unless that snapshot is larger. */
  readonly snapshotBytes: number
  /** Log time since the last snapshot after which one is written. */
  readonly snapshotAge: number
  /** Maximum random wait before a snapshot that is due. */
  readonly snapshotSpread: number
  /** Time between looks at the snapshots of others and at the beginning of the log. */
  readonly upkeepInterval: number
  /** Time between two looks at a gap. */
  readonly gapRetry: number
  /** Time for the snapshot of a planned stop. */
  readonly stopTimeout: number
}

const MIB = 1024 * 1024

export const DEFAULT_SETTINGS: KafkaStoreSettings = {
  submitTimeout: 5_000,
  maxRequests: 10_000,
  maxRequestBytes: 128 * MIB,
  tickAfter: 5_000,
  tickSpread: 1_000,
  snapshotBytes: 64 * MIB,
  snapshotAge: 24 * 3_600_000,
  snapshotSpread: 60_000,
  upkeepInterval: 30_000,
  gapRetry: 10_000,
  stopTimeout: 10_000,
}
