import type { KafkaConfig } from '../../shared/kafka/types.js'
import type { Limits } from '../../shared/metrics/limits.js'
import type { View } from '../core/render/massive/view.js'

/** What a shard is told. All times in milliseconds, all sizes in bytes. */
export interface ExposerConfig {
  readonly kafka: KafkaConfig
  readonly topic: string
  readonly group: string
  readonly sessionTimeout: number
  readonly heartbeatInterval: number
  /** How far back a partition is read when it is taken over. */
  readonly replayWindow: number

  readonly listen: {
    /** Undefined: every interface. */
    readonly host: string | undefined
    /** 0: any free port. */
    readonly port: number
  }
  /** Where other shards and redirected scrapers reach this one, a URL; found from `listen` without it. */
  readonly advertiseAddress: string | undefined
  /** The one address in front of all shards, a URL. */
  readonly externalUrl: string | undefined
  readonly maxConnections: number
  /** TLS, headers and users of the HTTP server, in a file as Prometheus's exporter-toolkit reads it. */
  readonly webConfigFile?: string | undefined

  /** What `/metrics` shows without `?view=`. */
  readonly view: View
  /** What the view `all` shows and keeps. */
  readonly history: {
    /** Nothing older is shown, and a scraper that has not asked for so long is forgotten. */
    readonly maxAge: number
    readonly bytes: number
  }
  readonly playoutDelay: number | 'auto'
  /** How long a target that said goodbye is answered with an empty body. */
  readonly tombstone: number
  readonly staleness: {
    /** A log that is further behind than this is not served. */
    readonly maxAge: number
    /** A target that has been silent for this long is forgotten. */
    readonly forget: number
  }
  /** What one target may be. */
  readonly limits: Limits
  /** What the layouts of all targets may take together. */
  readonly layoutBytes: number
}
