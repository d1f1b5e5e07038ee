import { type Clock, systemClock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { urlOf } from '../../shared/http/address.js'
import { close, createHttpServer, listen, serve } from '../../shared/http/server.js'
import { LiveWebConfig } from '../../shared/http/web-config/live.js'
import { endpoints } from '../api/endpoints.js'
import { assemble } from './assemble.js'
import type { GatewayConfig } from './config.js'
import type { StoreWithMetrics } from './stores.js'

/** The store is not started: the gateway starts and stops it. */
export interface GatewayDependencies extends StoreWithMetrics {
  readonly logger: Logger
  readonly version: string
  readonly clock?: Clock
}

/** A gateway. Call `start` once, then `stop` once. */
export interface Gateway {
  /**
   * Resolves when the HTTP server listens. The store may follow later.
   *
   * @throws Error when the server cannot listen
   */
  start(): Promise<void>
  /** Completes requests in progress, and stops the store. */
  stop(): Promise<void>
  /** Known after `start`. */
  readonly url: string
  /** Rejects when the store cannot continue, with an error that names the remedy. */
  readonly failed: Promise<never>
  /** Resolves when a client has asked the program to end. */
  readonly quit: Promise<void>
}

const CLOSE_MS = 8000
const STARTING = 'this gateway is starting'

/**
 * Creates a gateway without starting it.
 *
 * @throws WebConfigError when the web configuration file is invalid or cannot be read
 */
export function createGateway(config: GatewayConfig, dependencies: GatewayDependencies): Gateway {
  return new RunningGateway(config, dependencies)
}

class RunningGateway implements Gateway {
  readonly failed: Promise<never>
  readonly quit: Promise<void>
  readonly #web: LiveWebConfig | undefined
  readonly #server
  #quit!: () => void
  #trouble: string | undefined = STARTING
  #started = false
  #url = ''

  constructor(
    private readonly config: GatewayConfig,
    private readonly dependencies: GatewayDependencies,
  ) {
    const { web, maxConnections } = config
    this.#web = web === undefined ? undefined : new LiveWebConfig(web, dependencies.logger)
    this.#server = createHttpServer({ maxConnections }, this.#web)
    const { store, companion } = dependencies
    this.failed = companion ? Promise.race([store.failed, companion.failed]) : store.failed
    // Callers may ignore this promise: mark a rejection as handled.
    this.failed.catch(() => {})
    this.quit = new Promise(resolve => {
      this.#quit = resolve
    })
  }

  get url(): string {
    return this.#url
  }

  async start(): Promise<void> {
    const { config, dependencies } = this
    const { store, logger, version, clock = systemClock } = dependencies
    const address = await listen(this.#server, config.listen)
    this.#url = urlOf(address, undefined, this.#web?.current.tls ? 'https' : 'http')
    const services = assemble(config, {
      store,
      writeLog: dependencies.writeLog,
      clock,
      logger,
      version,
      web: this.#web,
      quit: () => this.#quit(),
      trouble: () => this.#trouble,
      impairment: () => dependencies.impairment(),
      progress: () => dependencies.progress(),
      otherBytes: () => dependencies.otherBytes?.() ?? 0,
    })
    dependencies.register(services.telemetry.registry)
    this.#server.on('drop', () => services.responses.refused.connections++)
    serve(this.#server, endpoints(services))
    this.#web?.start()
    logger.info('Listening', { port: address.port })
    this.#started = true
    await store.start()
    dependencies.companion?.start()
    if (this.#trouble === STARTING) this.#trouble = undefined
  }

  async stop(): Promise<void> {
    this.#trouble = 'this gateway is stopping'
    // Requests in progress need the store.
    await close(this.#server, CLOSE_MS)
    if (this.#started) {
      await this.dependencies.companion?.stop()
      await this.dependencies.writeLog?.stop()
      await this.dependencies.store.stop()
    }
    await this.#web?.close()
  }
}
