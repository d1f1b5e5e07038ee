import { type Clock, systemClock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { urlOf } from '../../shared/http/address.js'
import type { ProxyEnvironment } from '../../shared/http/client/no-proxy.js'
import { registerLimitMetrics } from '../../shared/http/limit/metrics.js'
import { ResponseLimit } from '../../shared/http/limit/response-limit.js'
import { routePrefix } from '../../shared/http/route-prefix.js'
import { close, createHttpServer, listen, serve } from '../../shared/http/server.js'
import { LiveWebConfig } from '../../shared/http/web-config/live.js'
import { registerWebConfigMetrics } from '../../shared/http/web-config/metrics.js'
import { endpoints } from '../routes/endpoints.js'
import { OTHER_POOLS } from '../routes/turn.js'
import { Scraping } from '../scrape/scraping.js'
import { ScrapeMemory } from '../scrape/target/memory.js'
import type { RunningTarget } from '../targets/running-target.js'
import type { Sink } from '../targets/sink.js'
import { Targets } from '../targets/targets.js'
import { Telemetry } from '../telemetry/telemetry.js'
import type { AgentConfig } from './config.js'
import { startHost } from './host-target.js'
import { Reloader } from './reloader.js'

export interface AgentDependencies {
  /** Where collections go. Not started: the agent starts and stops it. */
  readonly sink: Sink
  readonly logger: Logger
  readonly version: string
  readonly proxyEnvironment: ProxyEnvironment
  readonly clock?: Clock
}

/** An agent. Call `start` once, then `stop` once, also while it is starting. */
export interface Agent {
  /**
   * Resolves when the HTTP server listens and the first targets are collected.
   *
   * @throws Error when the server cannot listen, or the configuration is invalid
   */
  start(): Promise<void>
  /** Reads the configuration file again. @returns why it cannot be used, or undefined */
  reload(): Promise<string | undefined>
  /** Ends the runs of targets that belong to this program, and completes requests in progress. */
  stop(): Promise<void>
  /** Known after `start`. */
  readonly url: string
  /** Rejects when nothing will ever be delivered, with an error that names the remedy. */
  readonly failed: Promise<never>
  /** Resolves when a client has asked the program to end. */
  readonly quit: Promise<void>
}

const END_MS = 4000
const CLOSE_MS = 3000

/**
 * Creates an agent without starting it.
 *
 * @throws WebConfigError when the web configuration file is invalid or cannot be read
 */
export function createAgent(config: AgentConfig, dependencies: AgentDependencies): Agent {
  return new RunningAgent(config, dependencies)
}

class RunningAgent implements Agent {
  readonly failed: Promise<never>
  readonly quit: Promise<void>
  readonly #web: LiveWebConfig | undefined
  readonly #server
  readonly #clock: Clock
  readonly #targets: Targets
  readonly #memory: ScrapeMemory
  readonly #scraping: Scraping
  readonly #reloader: Reloader
  #host: RunningTarget | undefined
  #quit!: () => void
  #trouble: string | undefined = 'this agent is starting'
  #isStopping = false
  #url = ''

  constructor(
    private readonly config: AgentConfig,
    private readonly dependencies: AgentDependencies,
  ) {
    const { sink, logger, version, proxyEnvironment, clock = systemClock } = dependencies
    const { limits, web, maxConnections } = config
    this.#clock = clock
    this.#web = web === undefined ? undefined : new LiveWebConfig(web, logger)
    this.#server = createHttpServer({ maxConnections }, this.#web)
    this.#targets = new Targets(sink, clock, logger)
    this.#memory = new ScrapeMemory({
      bodyBytes: limits.totalBodyBytes,
      retainedBytes: limits.retainedBytes,
    })
    this.#scraping = new Scraping({
      targets: this.#targets,
      memory: this.#memory,
      logger,
      clock,
      maxBodyBytes: limits.bodyBytes,
      maxDiscoveryBytes: limits.discoveryBytes,
      userAgent: `kafka-exposer/${version}`,
      proxyEnvironment,
    })
    this.#reloader = new Reloader(config, this.#scraping, clock, logger)
    this.failed = sink.failed
    this.quit = new Promise(resolve => {
      this.#quit = resolve
    })
  }

  get url(): string {
    return this.#url
  }

  async start(): Promise<void> {
    const { config, dependencies } = this
    const { sink, logger } = dependencies
    const address = await listen(this.#server, config.listen)
    this.#url = urlOf(address, undefined, this.#web?.current.tls ? 'https' : 'http')
    serve(this.#server, this.#endpoints())
    this.#web?.start()
    logger.info('Listening', { port: address.port })
    await sink.start()
    const { plan } = await this.#reloader.load()
    if (this.#isStopping) return
    if (config.host) this.#startHost(config.host, plan.externalLabels)
    this.#trouble = undefined
  }

  reload(): Promise<string | undefined> {
    return this.#reloader.reload()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#trouble = 'this agent is stopping'
    this.#scraping.stop()
    await this.#targets.stop(END_MS)
    this.#scraping.close()
    await this.dependencies.sink.stop()
    await close(this.#server, CLOSE_MS)
    await this.#web?.close()
  }

  #startHost(host: AgentConfig['host'] & {}, externalLabels: Readonly<Record<string, string>>) {
    const started = startHost(host, externalLabels, this.#targets, this.dependencies.logger)
    if (typeof started === 'string')
      this.dependencies.logger.error('Metrics of the host are not published', { reason: started })
    else this.#host = started
  }

  #endpoints() {
    const { config, dependencies } = this
    const { sink, logger, version } = dependencies
    const telemetry = new Telemetry(version)
    const responses = new ResponseLimit(
      { pools: { scrapes: config.maxRequests, ...OTHER_POOLS }, flag: '--web.max-requests' },
      this.#clock,
    )
    this.#server.on('drop', () => responses.refused.connections++)
    telemetry.watch({
      targets: this.#targets,
      scraping: this.#scraping,
      memory: this.#memory,
      sink,
      reloads: this.#reloader,
      ready: () => this.#trouble === undefined,
    })
    registerLimitMetrics(telemetry.registry, 'agent', responses)
    if (this.#web) registerWebConfigMetrics(telemetry.registry, 'agent', this.#web)
    return endpoints({
      targets: this.#targets,
      scraping: this.#scraping,
      host: () => this.#host,
      telemetry,
      responses,
      web: this.#web,
      clock: this.#clock,
      logger,
      routePrefix: routePrefix(config.routePrefix, config.externalUrl),
      version,
      reload: config.enableLifecycle ? () => this.reload() : undefined,
      quit: config.enableLifecycle ? () => this.#quit() : undefined,
      trouble: () => this.#trouble,
      impairment: () => sink.trouble(),
    })
  }
}
