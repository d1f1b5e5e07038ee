import type { Clock } from '../../shared/base/clock.js'
import type { Logger } from '../../shared/base/logger.js'
import { ScrapeConfigError } from '../scrape/config/problem.js'
import type { Scraping } from '../scrape/scraping.js'
import type { Reloads } from '../telemetry/reloads.js'
import type { AgentConfig, LoadedPlan } from './config.js'

/** Loads the configuration, at start and on request. */
export class Reloader implements Reloads {
  lastSuccessful = true
  lastSuccess = 0

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
  load(): LoadedPlan {
    const { file } = this.config
    try {
      const loaded = this.config.loadPlan()
      for (const warning of loaded.warnings)
        this.logger.warn(warning, file === undefined ? {} : { file })
      this.scraping.apply(loaded.plan)
      this.lastSuccessful = true
      this.lastSuccess = this.clock.now().wall
      return loaded
    } catch (error) {
      this.lastSuccessful = false
      throw error
    }
  }

  /** @returns why the configuration cannot be used, or undefined */
  reload(): string | undefined {
    const { file } = this.config
    try {
      this.load()
      this.logger.info('Completed loading of configuration file', { file })
      return undefined
    } catch (error) {
      if (!(error instanceof ScrapeConfigError)) throw error
      const problems = error.problems.join('; ')
      this.logger.error(
        'Failed to reload the configuration file: the previous configuration stays in effect',
        { file, problems },
      )
      return problems
    }
  }
}
