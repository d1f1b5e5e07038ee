import type { Steps } from '../../shared/base/steps.js'
import type { WebConfigSource } from '../../shared/http/web-config/load.js'
import type { HostOptions } from '../host/host.js'
import type { ScrapePlan } from '../scrape/scraping.js'

/** What the agent collects on this machine. */
export interface HostTarget {
  readonly job: string
  readonly instance: string
  readonly intervalMs: number
  readonly options: HostOptions
}

/** A plan with what is to be told about it. */
export interface LoadedPlan {
  readonly plan: ScrapePlan
  readonly warnings: readonly string[]
}

/** Configuration of an agent without its sink. All times in milliseconds, all sizes in bytes. */
export interface AgentConfig {
  readonly listen: {
    /** Undefined: all interfaces. */
    readonly host: string | undefined
    /** 0: any free port. */
    readonly port: number
  }
  readonly externalUrl: string | undefined
  readonly routePrefix: string | undefined
  readonly maxConnections: number
  /** Maximum number of concurrent responses with a body. */
  readonly maxRequests: number
  readonly web: WebConfigSource | undefined
  readonly enableLifecycle: boolean
  /** Undefined: no metrics of this machine. */
  readonly host: HostTarget | undefined
  /**
   * Reads the configuration again.
   *
   * @throws ScrapeConfigError with all problems, from a step
   */
  readonly loadPlan: () => Steps<LoadedPlan>
  /** The file that `loadPlan` reads, if any. */
  readonly file: string | undefined
  readonly limits: {
    /** Memory of what is kept of the last pages. */
    readonly retainedBytes: number
    /** Uncompressed body of a page. */
    readonly bodyBytes: number
    /** Memory of all pages that are being received and read. */
    readonly totalBodyBytes: number
    /** A file or a response of discovery. */
    readonly discoveryBytes: number
  }
}
