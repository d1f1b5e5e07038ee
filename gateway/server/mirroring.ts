import type { Logger } from '../../shared/base/logger.js'
import { awaitTopic } from '../../shared/kafka/await-topic.js'
import { Mirrors, type MirrorsOptions } from '../mirrors/mirrors.js'
import { duplicateGateway } from './duplicate-gateway.js'
import type { Companion } from './publishing.js'

/** Mirrors what comes by remote write once the topics of writes and snapshots are there. */
export class Mirroring implements Companion {
  readonly failed: Promise<never>
  readonly mirrors: Mirrors
  readonly #stopping = new AbortController()
  #fail!: (error: Error) => void
  #starting: Promise<void> = Promise.resolve()
  #isStarted = false

  constructor(private readonly options: MirrorsOptions) {
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    this.mirrors = new Mirrors({
      ...options,
      onDuplicate: () => this.#fail(duplicateGateway(options)),
    })
    // Callers may ignore this promise: mark a rejection as handled.
    this.failed.catch(() => {})
  }

  start(): void {
    this.#starting = this.#start().catch(error => this.#fail(error))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#starting
    if (this.#isStarted) await this.mirrors.stop()
  }

  async #start(): Promise<void> {
    const { kafka, writes, snapshots, logger } = this.options
    const { signal } = this.#stopping
    const patient = saidOnce(logger)
    for (const [key, topic] of [
      ['writes', writes],
      ['snapshots', snapshots],
    ] as const) {
      const awaited = { kafka, topic, key, role: 'gateway', mayBeMissing: true } as const
      await awaitTopic(awaited, patient, () => {}, signal)
    }
    if (signal.aborted) return
    this.#isStarted = true
    await this.mirrors.start()
  }
}

/** A gateway that receives no remote write has no topic of writes: that is no reason to warn. */
function saidOnce(logger: Logger): Logger {
  const said = new Set<string>()
  return {
    debug: (...args) => logger.debug(...args),
    info: (...args) => logger.info(...args),
    error: (...args) => logger.error(...args),
    warn: (message, ...rest) => {
      if (said.has(message)) return
      said.add(message)
      logger.info(`Mirrors of remote write: ${message}`, ...rest)
    },
  }
}

/** Several companions as one. */
export function together(companions: readonly Companion[]): Companion | undefined {
  if (companions.length < 2) return companions[0]
  return {
    failed: Promise.race(companions.map(({ failed }) => failed)),
    start: () => {
      for (const companion of companions) companion.start()
    },
    stop: async () => {
      await Promise.all(companions.map(companion => companion.stop()))
    },
  }
}
