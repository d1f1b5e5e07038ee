import { stat } from 'node:fs/promises'
import type { Logger } from '../../base/logger.js'
import { BcryptWorker } from './bcrypt.js'
import { loadWebConfig, type WebConfig } from './load.js'
import { WebConfigError } from './parse.js'
import { Users } from './users.js'

const LOOK_EVERY_MS = 1000

/** Why somebody was not answered. */
type TurnedAway = 'credentials' | 'busy' | 'client_certificate'

/**
 * A web configuration that follows its files: looked at once a second, and read again when any of them has changed.
 *
 * A new one that is wrong changes nothing: what was read before stays. Lifetime: `start` once, `close` once.
 */
export class LiveWebConfig {
  current: WebConfig
  users: Users
  /** Counted here, for whoever tells them on. */
  readonly reloads = { success: 0, failure: 0 }
  readonly turnedAway: Record<TurnedAway, number> = { credentials: 0, busy: 0, client_certificate: 0 }
  lastReloadSuccessful = true
  readonly #bcrypt = new BcryptWorker()
  readonly #listeners: ((config: WebConfig) => void)[] = []
  #stamp: string | undefined
  /** What is wrong with what the files say now. */
  #broken: string | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  /**
   * @param path of the file
   * @throws WebConfigError when it cannot be used as it is now
   */
  constructor(
    private readonly path: string,
    private readonly logger: Logger,
  ) {
    this.current = loadWebConfig(path)
    this.users = new Users(this.current.users, this.#bcrypt)
  }

  /** Begins to follow the files. */
  start(): void {
    for (const note of this.current.notes) this.logger.warn(note, { file: this.path })
    const again = () => {
      this.#looking = this.#look()
        .catch(error => this.logger.error('The web configuration cannot be followed', { error }))
        .finally(() => {
          if (this.#timer) this.#timer = setTimeout(again, LOOK_EVERY_MS).unref()
        })
    }
    // Read once more at once: what was changed since the first time has left no trace yet.
    this.#timer = setTimeout(again, 0).unref()
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#looking
    await this.#bcrypt.close()
  }

  turnAway(reason: TurnedAway, why: string): void {
    this.turnedAway[reason]++
    this.logger.debug('Somebody was not let in', { reason, why })
  }

  onChange(listener: (config: WebConfig) => void): void {
    this.#listeners.push(listener)
  }

  async #look(): Promise<void> {
    // Taken before reading: what changes meanwhile is seen the next time.
    const stamp = await stampOf(this.current.files)
    // A broken one may name files that are not there yet and come without a change of any that is known.
    if (stamp === this.#stamp && this.#broken === undefined) return
    this.#stamp = stamp
    try {
      const config = loadWebConfig(this.path)
      if (!sameAs(config, this.current)) this.#take(config)
      this.#broken = undefined
      this.lastReloadSuccessful = true
    } catch (error) {
      if (!(error instanceof WebConfigError)) throw error
      this.#complain(error.problems.join('; '))
    }
  }

  #complain(problems: string): void {
    if (problems === this.#broken) return
    this.#broken = problems
    this.reloads.failure++
    this.lastReloadSuccessful = false
    this.logger.error('The changed web configuration cannot be used: the one before stays in force', {
      file: this.path,
      problems,
    })
  }

  #take(config: WebConfig): void {
    if ((config.tls === undefined) !== (this.current.tls === undefined)) {
      throw new WebConfigError(['tls_server_config: TLS is switched on or off only by a restart'])
    }
    this.current = config
    this.users = new Users(config.users, this.#bcrypt)
    for (const listener of this.#listeners) listener(config)
    this.reloads.success++
    this.logger.info('The web configuration was read anew', { file: this.path })
    for (const note of config.notes) this.logger.warn(note, { file: this.path })
  }
}

/** Changes whenever one of the files does, also when it is replaced or vanishes. */
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

function sameAs(a: WebConfig, b: WebConfig): boolean {
  const text = (config: WebConfig) =>
    JSON.stringify(config, (_, value: unknown) => (value instanceof Map ? [...value] : value))
  return text(a) === text(b)
}
