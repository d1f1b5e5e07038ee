import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Job, Steps } from '../../../shared/base/steps.js'
import type { YamlThread } from '../../../shared/base/yaml/thread.js'
import { filesOf } from '../glob.js'
import { type AgentFile, parseAgentFileSteps, parseScrapeConfigFileSteps } from './config-file.js'
import type { ScrapeJob } from './job.js'
import { ScrapeConfigError } from './problem.js'

/** A configuration with the files that it names. */
export type LoadedConfig = Omit<AgentFile, 'scrapeConfigFiles'>

/**
 * Reads the file of a Prometheus agent, and the files of `scrape_config_files`.
 *
 * @param yaml parses long files
 * @throws ScrapeConfigError with all problems
 */
export function* loadAgentFileSteps(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
  yaml: YamlThread,
): Steps<LoadedConfig> {
  const folder = dirname(resolve(path))
  const content = yield* readSteps(path)
  const { scrapeConfigFiles, global, ...file } = yield* parseAgentFileSteps(
    content,
    folder,
    environment,
    yaml,
  )
  const jobs = new Map<string, ScrapeJob>(file.jobs.map(job => [job.name, job]))
  for (const pattern of scrapeConfigFiles) {
    for (const part of filesOf(resolve(folder, pattern))) {
      for (const job of yield* partSteps(part, global, yaml)) {
        if (jobs.has(job.name))
          throw new ScrapeConfigError([
            `${part}: found multiple scrape configs with job name ${JSON.stringify(job.name)}`,
          ])
        jobs.set(job.name, job)
      }
    }
  }
  return { ...file, global, jobs: [...jobs.values()] }
}

function* partSteps(
  path: string,
  global: AgentFile['global'],
  yaml: YamlThread,
): Steps<readonly ScrapeJob[]> {
  try {
    const content = yield* readSteps(path)
    return yield* parseScrapeConfigFileSteps(content, dirname(path), global, yaml)
  } catch (error) {
    if (!(error instanceof ScrapeConfigError)) throw error
    throw new ScrapeConfigError(error.problems.map(problem => `${path}: ${problem}`))
  }
}

function* readSteps(path: string): Steps<Buffer> {
  const reading: Job = { run: () => readFileSync(path), start: () => readFile(path) }
  try {
    return (yield reading)!
  } catch (error) {
    throw new ScrapeConfigError([(error as Error).message])
  }
}
