import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { runInSlices } from '../../shared/base/steps.js'
import { ScrapeConfigError } from '../scrape/config/problem.js'
import type { Scraping } from '../scrape/scraping.js'
import type { Reloads } from '../telemetry/reloads.js'
import type { AgentConfig, LoadedPlan } from './config.js'

/** Loads the configuration, at start and on request, one after the other. */
export class Reloader implements Reloads {
  lastSuccessful = true
  lastSuccess = 0
  /** Settles when nothing is being loaded. */
  #last: Promise<unknown> = Promise.resolve()
  /** Has not begun: it reads what is there now. Requests until then share it. */
  #next: Promise<LoadedPlan> | undefined

  constructor(
    private readonly config: Pick<AgentConfig, 'loadPlan' | 'file'>,
    private readonly scraping: Scraping,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  get isConfigured(): boolean {
    return this.config.file !== undefined
  }

  /** @throws ScrapeConfigError: the previous configuration stays in effect */
  load(): Promise<LoadedPlan> {
    if (this.#next) return this.#next
    const loading = this.#last.then(() => {
      this.#next = undefined
      return this.#load()
    })
    this.#next = loading
    this.#last = loading.catch(() => {})
    return loading
  }

  /** @returns why the configuration cannot be used, or undefined */
  async reload(): Promise<string | undefined> {
    const { file } = this.config
    try {
      await this.load()
      this.logger.info('Completed loading of configuration file', { file })
      return undefined
    } catch (error) {
      const problems =
        error instanceof ScrapeConfigError ? error.problems.join('; ') : (error as Error).message
      this.logger.error(
        'Failed to reload the configuration file: the previous configuration stays in effect',
        { file, problems },
      )
      return problems
    }
  }

  async #load(): Promise<LoadedPlan> {
    const { file } = this.config
    try {
      const loaded = await runInSlices(this.config.loadPlan())
      for (const warning of loaded.warnings)
        this.logger.warn(warning, file === undefined ? {} : { file })
      await runInSlices(this.scraping.applySteps(loaded.plan))
      this.lastSuccessful = true
      this.lastSuccess = this.clock.now().wall
      return loaded
    } catch (error) {
      this.lastSuccessful = false
      throw error
    }
  }
}
