import { type Clock, systemClock } from '../../shared/base/clock.js'
import { DuplicateError } from '../../shared/base/duplicate-error.js'
import type { Logger } from '../../shared/base/logger.js'
import { urlOf } from '../../shared/http/address.js'
import { close, createHttpServer, listen, serve } from '../../shared/http/server.js'
import { LiveWebConfig } from '../../shared/http/web-config/live.js'
import { awaitTopic } from '../../shared/kafka/await-topic.js'
import { createSpanReader, type SpanReader } from '../../shared/kafka/log-span.js'
import type { GroupConsumer } from '../../shared/kafka/types.js'
import { groupMapOf } from '../group/map.js'
import type { Remote } from '../remote-write/remote.js'
import { endpoints } from '../routes/endpoints.js'
import type { Services } from '../routes/services.js'
import { assemble } from './assemble.js'
import type { ExposerConfig } from './config.js'
import { createShardConsumer } from './consumer.js'
import { depart } from './depart.js'
import { createRemotes } from './remotes.js'

export interface ExposerDependencies {
  readonly logger: Logger
  readonly version: string
  readonly clock?: Clock
}

/** A shard. Call `start` once, then `stop` once. */
export interface Exposer {
  /**
   * Resolves when the HTTP server listens. The connection to Kafka may follow later.
   *
   * @throws Error when the server cannot listen
   */
  start(): Promise<void>
  /**
   * Leaves the group, so that other shards take over at once, and completes responses in progress.
   */
  stop(): Promise<void>
  /** URL of the shard, known after `start`. */
  readonly url: string
  /**
   * Rejects when the shard cannot continue, with an error that names the remedy: a `DuplicateError`
   * if another shard uses its address. Never resolves.
   */
  readonly failed: Promise<never>
}

/**
 * Creates a shard without starting it.
 *
 * @throws WebConfigError when the web configuration file is invalid or cannot be read
 */
export function createExposer(config: ExposerConfig, dependencies: ExposerDependencies): Exposer {
  return new RunningExposer(config, dependencies)
}

const SWEEP_MS = 1000
const CLOSE_MS = 3000

class RunningExposer implements Exposer {
  readonly failed: Promise<never>
  readonly #clock: Clock
  readonly #web: LiveWebConfig | undefined
  readonly #server
  readonly #stopping = new AbortController()
  #fail!: (error: Error) => void
  #services: Services | undefined
  #consumer: GroupConsumer | undefined
  #spans: SpanReader | undefined
  #joining: Promise<void> = Promise.resolve()
  #remotes: readonly Remote[] = []
  #sweeping: NodeJS.Timeout | undefined
  #isDuplicate = false
  #trouble: string | undefined = 'this shard is starting'
  #url = ''

  constructor(
    private readonly config: ExposerConfig,
    private readonly dependencies: ExposerDependencies,
  ) {
    this.#clock = dependencies.clock ?? systemClock
    const { webConfigFile } = config
    this.#web =
      webConfigFile === undefined
        ? undefined
        : new LiveWebConfig(webConfigFile, dependencies.logger)
    this.#server = createHttpServer({ maxConnections: config.maxConnections }, this.#web)
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    // Callers may ignore this promise: mark a rejection as handled.
    this.failed.catch(() => {})
  }

  get url(): string {
    return this.#url
  }

  async start(): Promise<void> {
    const { config, dependencies } = this
    const { logger } = dependencies
    const address = await listen(this.#server, config.listen)
    const scheme = this.#web?.current.tls ? 'https' : 'http'
    this.#url = config.advertiseAddress ?? urlOf(address, undefined, scheme)
    const { kafka, topic } = config
    this.#spans = createSpanReader({ kafka, topic, logger, clock: this.#clock })
    const { services, feed } = assemble(config, {
      ...dependencies,
      clock: this.#clock,
      address: this.#url,
      leaseUntil: () => this.#consumer!.leaseUntil(),
      readGroup: async () => groupMapOf(await this.#consumer!.describeGroup()),
      trouble: () => this.#trouble,
      web: this.#web,
      spans: this.#spans,
      remotes: () => this.#remotes,
    })
    this.#services = services
    const member = { address: this.#url, secret: services.secret }
    this.#consumer = createShardConsumer(config, member, {
      listener: feed,
      logger,
      clock: this.#clock,
      onDuplicate: () => {
        this.#isDuplicate = true
        this.#fail(
          new DuplicateError(
            `another shard of group ${config.group} was started with the address ${this.#url}: this shard ends. Set a different --web.advertise-address for each shard`,
          ),
        )
      },
    })
    this.#remotes = createRemotes(config, {
      ...dependencies,
      clock: this.#clock,
      telemetry: services.telemetry,
      address: this.#url,
    })
    this.#server.on('drop', () => services.responses.refused.connections++)
    serve(this.#server, endpoints(services))
    this.#web?.start()
    this.#sweeping = setInterval(() => void feed.sweep(), SWEEP_MS)
    logger.info('Listening', { port: address.port, advertised: this.#url })
    this.#joining = this.#join(logger).catch(error => this.#fail(error))
  }

  async stop(): Promise<void> {
    this.#trouble = 'this shard is stopping'
    this.#stopping.abort()
    clearInterval(this.#sweeping)
    await this.#joining
    await this.#spans?.stop()
    const sent = Promise.all(this.#remotes.map(remote => remote.stop()))
    // The other shard with this address has the partitions already.
    if (this.#services && this.#consumer && !this.#isDuplicate)
      await depart(this.#services, this.#consumer)
    await sent
    this.#services?.changes.close()
    this.#services?.group.close()
    this.#services?.handovers.close()
    await close(this.#server, CLOSE_MS)
    this.#services?.peers.close()
    await this.#web?.close()
    await this.#consumer?.stop()
  }

  async #join(logger: Logger): Promise<void> {
    const report = (reason: string | undefined) => {
      if (!this.#stopping.signal.aborted) this.#trouble = reason
    }
    await awaitTopic(this.config, logger, report, this.#stopping.signal)
    if (this.#stopping.signal.aborted) return
    await this.#consumer!.start()
    for (const remote of this.#remotes) await remote.start()
  }
}
