import { type AgentFile, parseAgentFileSteps } from '../../agent/scrape/config/config-file.js'
import { type LoadedConfig, loadAgentFileSteps } from '../../agent/scrape/config/load.js'
import { runNow, type Steps } from '../../shared/base/steps.js'
import { YamlThread } from '../../shared/base/yaml/thread.js'

type Environment = Readonly<Record<string, string | undefined>>

/** The file of a Prometheus agent, parsed at once. */
export const parseAgentFile = (
  text: string,
  folder = '.',
  environment: Environment = {},
): AgentFile =>
  runNow(parseAgentFileSteps(Buffer.from(text), folder, environment, new YamlThread()))

/** As an agent loads it, in steps. */
export const loadAgentFile = (path: string): Steps<LoadedConfig> =>
  loadAgentFileSteps(path, {}, new YamlThread())
