import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { RepeatedWarnings } from '../../shared/base/repeated-warnings.js'
import type { Steps } from '../../shared/base/steps.js'
import { YamlThread } from '../../shared/base/yaml/thread.js'
import { createHttpClient } from '../../shared/http/client/client.js'
import type { ProxyEnvironment } from '../../shared/http/client/no-proxy.js'
import type { HttpClientFields } from '../../shared/http/client/schema.js'
import type { HttpClient } from '../../shared/http/client/types.js'
import type { Targets } from '../targets/targets.js'
import type { ScrapeJob } from './config/job.js'
import { type Discovery, StaticDiscovery } from './discovery/discovery.js'
import { FileDiscovery } from './discovery/file.js'
import { HttpDiscovery } from './discovery/http.js'
import { Pool, type PoolOptions } from './pool.js'
import type { ScrapeMemory } from './target/memory.js'

/** Jobs with the labels that are added to their targets. */
export interface ScrapePlan {
  readonly jobs: readonly ScrapeJob[]
  readonly externalLabels: Readonly<Record<string, string>>
  /** Names of jobs whose targets belong to this program. */
  readonly sidecars: ReadonlySet<string>
}

export interface ScrapingOptions {
  readonly targets: Targets
  readonly memory: ScrapeMemory
  readonly logger: Logger
  readonly clock: Clock
  /** Maximum size of a file or a response of discovery, bytes. */
  readonly maxDiscoveryBytes: number
  /** Maximum size of a body, also where the configuration has no limit. */
  readonly maxBodyBytes: number
  readonly userAgent: string
  readonly proxyEnvironment: ProxyEnvironment
}

/**
 * More than the targets of one host, such as an exporter of probes: targets that hang must not delay
 * others.
 */
const CONNECTIONS_PER_HOST = 100_000

/** Discovers and scrapes the targets of all jobs. */
export class Scraping {
  readonly #pools = new Map<string, Pool>()
  #externalLabels: Readonly<Record<string, string>> = {}
  #isStopped = false
  readonly #yaml = new YamlThread()
  readonly #warnings: RepeatedWarnings
  /** Totals of discovery. */
  readonly discoveries = {
    file: { refreshes: 0, failures: 0 },
    http: { refreshes: 0, failures: 0 },
  }

  constructor(private readonly options: ScrapingOptions) {
    this.#warnings = new RepeatedWarnings(options.logger, options.clock)
  }

  get pools(): Iterable<Pool> {
    return this.#pools.values()
  }

  /**
   * Applies a plan. A job that is the same goes on. The targets of a job with another configuration
   * go on until it has found its own. After `stop` it has no effect.
   */
  *applySteps({ jobs, externalLabels, sidecars }: ScrapePlan): Steps<void> {
    if (this.#isStopped) return
    const names = new Set(jobs.map(({ name }) => name))
    for (const [name, pool] of this.#pools) {
      if (names.has(name)) continue
      this.#pools.delete(name)
      pool.end()
      yield
      if (this.#isStopped) return
    }
    const sameLabels = isDeepStrictEqual(externalLabels, this.#externalLabels)
    this.#externalLabels = externalLabels
    for (const job of jobs) {
      yield
      if (this.#isStopped) return
      const current = this.#pools.get(job.name)
      if (current && sameLabels && textOf(current.job) === textOf(job)) continue
      const pool = new Pool(job, this.#poolOptions(sidecars.has(job.name)), current)
      this.#pools.set(job.name, pool)
      pool.start()
    }
  }

  /** Finds no more targets. Those that there are can still be scraped, for the ends of their runs. */
  stop(): void {
    this.#isStopped = true
    for (const pool of this.#pools.values()) pool.stop()
  }

  /** Closes the connections, after `stop`. */
  close(): void {
    for (const pool of this.#pools.values()) pool.close()
  }

  #poolOptions(isSidecar: boolean): PoolOptions {
    const { targets, memory, logger, maxBodyBytes } = this.options
    const client = (http: HttpClientFields, folder: string) => this.#client(http, folder)
    return {
      targets,
      memory,
      logger,
      warnings: this.#warnings,
      maxBodyBytes,
      isSidecar,
      externalLabels: this.#externalLabels,
      createClient: job => client(job.http, job.folder),
      createDiscoveries: job => this.#discoveriesOf(job),
    }
  }

  #discoveriesOf(job: ScrapeJob): Discovery[] {
    const { folder } = job
    const { file, http } = this.discoveries
    const maxBytes = this.options.maxDiscoveryBytes
    return [
      ...(job.groups.length > 0 ? [new StaticDiscovery(job.groups)] : []),
      ...job.fileDiscoveries.map(
        ({ files }) =>
          new FileDiscovery({ files, folder, maxBytes, yaml: this.#yaml, counts: file }),
      ),
      ...job.httpDiscoveries.map(
        fields =>
          new HttpDiscovery({
            url: fields.url,
            intervalMs: fields.refresh_interval,
            client: this.#client(fields, folder),
            maxBytes,
            counts: http,
          }),
      ),
    ]
  }

  #client(config: HttpClientFields, folder: string): HttpClient {
    const { userAgent, proxyEnvironment } = this.options
    return createHttpClient({
      config,
      folder,
      userAgent,
      proxyEnvironment,
      maxConnectionsPerHost: CONNECTIONS_PER_HOST,
    })
  }
}

/** A job as text, to compare configurations: regular expressions by their source. */
const textOf = (job: ScrapeJob) =>
  JSON.stringify(job, (key, value: unknown) =>
    key === 'regex'
      ? (value as { source: string }).source
      : typeof value === 'bigint'
        ? String(value)
        : value,
  )
