import { stat } from 'node:fs/promises'
import type { Logger } from '../../base/logger.js'
import { BcryptWorker } from './bcrypt.js'
import { loadWebConfig, type WebConfig, type WebConfigSource } from './load.js'
import { WebConfigError } from './parse.js'
import { Users } from './users.js'

const CHECK_INTERVAL_MS = 1000

/** Why a client was refused. */
type RefusalReason = 'credentials' | 'busy' | 'client_certificate'

/**
 * A web configuration that is reloaded when one of its files changes. The files are checked once a
 * second. If a changed configuration is invalid, the previous one stays in effect.
 *
 * Lifetime: call `start` once and `close` once.
 */
export class LiveWebConfig {
  current: WebConfig
  readonly users: Users
  /** Number of reloads by result. */
  readonly reloads = { success: 0, failure: 0 }
  /** Number of refused requests and connections by reason. */
  readonly refused: Record<RefusalReason, number> = {
    credentials: 0,
    busy: 0,
    client_certificate: 0,
  }
  lastReloadSuccessful = true
  readonly #bcrypt = new BcryptWorker()
  readonly #listeners: ((config: WebConfig) => void)[] = []
  /** Modification stamp of the files at the last reload. */
  #stamp: string | undefined
  /** Problems of the current files, or undefined if they are valid. */
  #problems: string | undefined
  #timer: NodeJS.Timeout | undefined
  #checking: Promise<void> = Promise.resolve()

  /**
   * @param source path of the file, or of the files of TLS alone
   * @throws WebConfigError if the configuration is invalid
   */
  constructor(
    private readonly source: WebConfigSource,
    private readonly logger: Logger,
  ) {
    this.current = loadWebConfig(source)
    this.users = new Users(this.current.users, this.#bcrypt)
  }

  get #file(): string {
    return typeof this.source === 'string' ? this.source : this.source.cert_file
  }

  /** Starts checking the files. */
  start(): void {
    for (const warning of this.current.warnings) this.logger.warn(warning, { file: this.#file })
    const check = () => {
      this.#checking = this.#check()
        .catch(error =>
          this.logger.error('Failed to check the web configuration for changes', { error }),
        )
        .finally(() => {
          if (this.#timer) this.#timer = setTimeout(check, CHECK_INTERVAL_MS).unref()
        })
    }
    // Reload at once: the files may have changed since the constructor read them.
    this.#timer = setTimeout(check, 0).unref()
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#checking
    await this.#bcrypt.close()
  }

  countRefusal(reason: RefusalReason, why: string): void {
    this.refused[reason]++
    this.logger.debug('Refused a client', { reason, why })
  }

  onChange(listener: (config: WebConfig) => void): void {
    this.#listeners.push(listener)
  }

  async #check(): Promise<void> {
    // Determined before reading, so that a change during the read is detected by the next check.
    const stamp = await stampOf(this.current.files)
    // An invalid configuration may name a missing file, whose creation changes no known file.
    if (stamp === this.#stamp && this.#problems === undefined) return
    this.#stamp = stamp
    try {
      const config = loadWebConfig(this.source)
      if (!isEqual(config, this.current)) this.#apply(config)
      this.#problems = undefined
      this.lastReloadSuccessful = true
    } catch (error) {
      if (!(error instanceof WebConfigError)) throw error
      this.#reportFailure(error.problems.join('; '))
    }
  }

  #reportFailure(problems: string): void {
    if (problems === this.#problems) return
    this.#problems = problems
    this.reloads.failure++
    this.lastReloadSuccessful = false
    this.logger.error('Failed to reload the web configuration: the previous one stays in effect', {
      file: this.#file,
      problems,
    })
  }

  #apply(config: WebConfig): void {
    if ((config.tls === undefined) !== (this.current.tls === undefined)) {
      throw new WebConfigError([
        'tls_server_config: TLS can be enabled or disabled only by a restart',
      ])
    }
    this.current = config
    this.users.update(config.users)
    for (const listener of this.#listeners) listener(config)
    this.reloads.success++
    this.logger.info('Reloaded the web configuration', { file: this.#file })
    for (const warning of config.warnings) this.logger.warn(warning, { file: this.#file })
  }
}

/** Returns a text that changes when one of the files is changed, replaced or removed. */
async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = files.map(async file => {
    try {
      const { mtimeNs, size, ino } = await stat(file, { bigint: true })
      return `${mtimeNs}/${size}/${ino}`
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unreadable'
    }
  })
  return (await Promise.all(stamps)).join(' ')
}

function isEqual(a: WebConfig, b: WebConfig): boolean {
  const text = (config: WebConfig) =>
    JSON.stringify(config, (_, value: unknown) => (value instanceof Map ? [...value] : value))
  return text(a) === text(b)
}
