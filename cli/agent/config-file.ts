import { type LoadedConfig, loadAgentFile } from '../../agent/scrape/config/load.js'

/**
 * The file of `--config.file`. It is parsed once at the start, for its check, its receivers and its
 * targets together: with 10,000 jobs this takes seconds.
 */
export class ConfigFile {
  #atStart: LoadedConfig | undefined

  constructor(
    private readonly environment: Readonly<Record<string, string | undefined>>,
    private readonly load = loadAgentFile,
  ) {}

  /** As it was when it was first read. @throws ScrapeConfigError with all problems */
  atStart(path: string): LoadedConfig {
    this.#atStart ??= this.load(path, this.environment)
    return this.#atStart
  }

  /**
   * For the targets: the first time as at the start, then as it is now. It is not kept, so that its
   * memory is free.
   *
   * @throws ScrapeConfigError with all problems
   */
  next(path: string): LoadedConfig {
    const loaded = this.#atStart ?? this.load(path, this.environment)
    this.#atStart = undefined
    return loaded
  }
}
