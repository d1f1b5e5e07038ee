import type { WebConfigSource } from '../../shared/http/web-config/load.js'
import type { Limits } from '../../shared/metrics/limits.js'
import type { Paths } from '../api/services.js'

/** Configuration of a gateway without its store. All times in milliseconds, all sizes in bytes. */
export interface GatewayConfig {
  readonly listen: {
    /** Undefined: all interfaces. */
    readonly host: string | undefined
    /** 0: any free port. */
    readonly port: number
  }
  readonly externalUrl: string | undefined
  /** Prefix of all paths, besides the root. Default: the path of `externalUrl`. */
  readonly routePrefix: string | undefined
  readonly paths: Paths
  readonly maxConnections: number
  /** Maximum number of concurrent responses with a body. */
  readonly maxRequests: number
  /**
   * TLS, headers and users: a file in the format of Prometheus's exporter-toolkit, or the files of a
   * certificate and its key in PEM format.
   */
  readonly web: WebConfigSource | undefined
  readonly enableLifecycle: boolean
  readonly enableAdminApi: boolean

  /** Whether pushes are checked for consistency. */
  readonly checked: boolean
  readonly utf8Names: boolean
  /** Labels that tell the targets of remote write apart. */
  readonly writeTargetLabels: readonly string[]
  /** Expiry of push groups, and of ingested series, by default; 0 for never. */
  readonly expiration: { readonly groups: number; readonly ingested: number }

  readonly limits: {
    /** Request bodies, as sent and decoded. */
    readonly bodyBytes: number
    readonly decodedBytes: number
    /** Samples and labels of one push. */
    readonly push: Limits
    /** Samples of all push groups and ingested series. */
    readonly totalSamples: number
    /** Memory of what is held. */
    readonly memory: number
    /** Requests that change something, in progress. */
    readonly requests: number
    /** Such requests per second and client address; 0: no limit. */
    readonly rate: number
    /** New targets of remote write per second; 0: no limit. */
    readonly newTargets: number
  }
  /** Values of the flags by name, for `/api/v1/status`. */
  readonly flags: Readonly<Record<string, string>>
  /** Kind of the store: `kafka`. */
  readonly store: string
}
