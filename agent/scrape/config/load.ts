import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { filesOf } from '../glob.js'
import { type AgentFile, parseAgentFile, parseScrapeConfigFile } from './config-file.js'
import type { ScrapeJob } from './job.js'
import { ScrapeConfigError } from './problem.js'

/** A configuration with the files that it names. */
export type LoadedConfig = Omit<AgentFile, 'scrapeConfigFiles'>

/**
 * Reads the file of a Prometheus agent, and the files of `scrape_config_files`.
 *
 * @throws ScrapeConfigError with all problems
 */
export function loadAgentFile(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): LoadedConfig {
  const folder = dirname(resolve(path))
  const { scrapeConfigFiles, global, ...file } = parseAgentFile(read(path), folder, environment)
  const jobs = new Map<string, ScrapeJob>(file.jobs.map(job => [job.name, job]))
  for (const pattern of scrapeConfigFiles) {
    for (const part of filesOf(resolve(folder, pattern))) {
      for (const job of inFile(part, () =>
        parseScrapeConfigFile(read(part), dirname(part), global),
      )) {
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

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ScrapeConfigError([(error as Error).message])
  }
}

function inFile<T>(path: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof ScrapeConfigError)) throw error
    throw new ScrapeConfigError(error.problems.map(problem => `${path}: ${problem}`))
  }
}
