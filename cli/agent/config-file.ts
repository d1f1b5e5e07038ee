import { type LoadedConfig, loadAgentFileSteps } from '../../agent/scrape/config/load.js'
import { runNow, type Steps } from '../../shared/base/steps.js'
import { YamlThread } from '../../shared/base/yaml/thread.js'

/**
 * The file of `--config.file`. It is parsed once at the start, for its check, its receivers and its
 * targets together: with 10,000 jobs this takes seconds.
 */
export class ConfigFile {
  #atStart: LoadedConfig | undefined
  readonly #yaml = new YamlThread()

  constructor(
    private readonly environment: Readonly<Record<string, string | undefined>>,
    private readonly load = loadAgentFileSteps,
  ) {}

  /** As it was when it was first read. @throws ScrapeConfigError with all problems */
  atStart(path: string): LoadedConfig {
    this.#atStart ??= runNow(this.load(path, this.environment, this.#yaml))
    return this.#atStart
  }

  /**
   * For the targets: the first time as at the start, then as it is now. It is not kept, so that its
   * memory is free.
   *
   * @throws ScrapeConfigError with all problems
   */
  *nextSteps(path: string): Steps<LoadedConfig> {
    const loaded = this.#atStart ?? (yield* this.load(path, this.environment, this.#yaml))
    this.#atStart = undefined
    return loaded
  }
}
