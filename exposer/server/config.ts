import type { KafkaConfig } from '../../shared/kafka/types.js'
import type { Limits } from '../../shared/metrics/limits.js'
import type { View } from '../core/render/massive/view.js'
import type { Timestamps } from '../core/render/timestamps.js'
import type { MemoryLimits } from '../core/store/memory.js'
import type { PeerOptions } from '../group/peer-client.js'
import type { RemoteWriteOptions } from './remotes.js'

/** Configuration of a shard. All times in milliseconds, all sizes in bytes. */
export interface ExposerConfig {
  readonly kafka: KafkaConfig
  readonly topic: string
  readonly group: string
  readonly sessionTimeout: number
  readonly heartbeatInterval: number
  /** How far before now the replay of a newly assigned partition begins. */
  readonly replayWindow: number

  readonly listen: {
    /** Undefined: all interfaces. */
    readonly host: string | undefined
    /** 0: any free port. */
    readonly port: number
  }
  /**
   * URL of this shard for other shards and redirected scrapers; derived from `listen` if undefined.
   */
  readonly advertiseAddress: string | undefined
  /** URL of the load balancer in front of all shards. */
  readonly externalUrl: string | undefined
  /** Prefix of all paths, besides the root. Default: the path of `externalUrl`. */
  readonly routePrefix?: string | undefined
  readonly maxConnections: number
  /** Maximum number of concurrent responses with a body. */
  readonly maxRequests: number
  /**
   * TLS, headers and users of the HTTP server: a file in the format of Prometheus's
   * exporter-toolkit.
   */
  readonly webConfigFile?: string | undefined

  /** Requests to other shards. Default: see `PeerOptions`. */
  readonly peers?: PeerOptions

  /** The view of `/metrics` without `?view=`. */
  readonly view: View
  /** Timestamps of `/target` without `?__timestamps=`. */
  readonly timestamps: Timestamps
  /** Samples held for the view `all`. */
  readonly history: {
    /**
     * Maximum age of exposed samples, and the time without a scrape after which a scraper is
     * removed.
     */
    readonly maxAge: number
    /** Memory for the held samples. */
    readonly bytes: number
  }
  readonly playoutDelay: number | 'auto'
  /** How long an ended target is exposed without series. */
  readonly tombstone: number
  readonly staleness: {
    /** Lag of a partition above which its targets are not exposed. */
    readonly maxAge: number
    /** Time without a record after which a target is removed. */
    readonly forget: number
  }
  /** Limits of each target. */
  readonly limits: Limits
  /** Memory of all targets together. */
  readonly memory: MemoryLimits
  /** Part of it that layouts may take; Infinity: all of it. */
  readonly layoutBytes: number
  /** Receivers of remote write. Default: none. */
  readonly remoteWrite?: RemoteWriteOptions | undefined
}
