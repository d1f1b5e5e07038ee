import { z } from 'zod'
import { expandExternalLabels, externalLabelProblems } from './external-labels.js'
import { type GlobalFields, globalFields } from './global.js'
import { jobOf, type ScrapeJob } from './job.js'
import { type JobFields, jobFields } from './job-fields.js'
import { describeIssue, pathText, ScrapeConfigError } from './problem.js'
import { readYaml } from './read-yaml.js'

/** The file of a Prometheus agent, valid. */
export interface AgentFile {
  readonly jobs: readonly ScrapeJob[]
  readonly externalLabels: Readonly<Record<string, string>>
  /** The entries of `remote_write`, which their sender validates. */
  readonly remoteWrite: readonly unknown[]
  /** Patterns of further files with scrape configurations. */
  readonly scrapeConfigFiles: readonly string[]
  readonly global: GlobalFields
  /** What is valid and has no effect here. */
  readonly warnings: readonly string[]
}

const PATTERN = /^[^*]*(\*[^/]*)?$/

const agentFile = z.strictObject({
  global: globalFields.prefault({}),
  runtime: z.strictObject({ gogc: z.number().optional() }).optional(),
  scrape_configs: z.array(jobFields).default([]),
  scrape_config_files: z
    .array(
      z.string().refine(path => PATTERN.test(path), {
        error: issue => `invalid scrape config file path ${JSON.stringify(issue.input)}`,
      }),
    )
    .default([]),
  remote_write: z.array(z.unknown(), { error: 'has to be a list' }).default([]),
  storage: z.unknown().optional(),
  tracing: z.unknown().optional(),
  otlp: z.unknown().optional(),
  alerting: z.unknown().optional(),
  rule_files: z.unknown().optional(),
  remote_read: z.unknown().optional(),
})

/** Sections that Prometheus refuses in agent mode. */
const SERVER_ONLY = ['alerting', 'rule_files', 'remote_read'] as const
const WITHOUT_EFFECT = ['storage', 'tracing', 'otlp', 'runtime'] as const

/**
 * Parses the file of a Prometheus agent.
 *
 * @param folder of the file
 * @throws ScrapeConfigError with all problems
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/
 */
export function parseAgentFile(
  text: string,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
): AgentFile {
  const value = readYaml(text) ?? {}
  const result = agentFile.safeParse(value)
  const problems = [
    ...(result.success ? [] : result.error.issues.flatMap(issue => describe(issue))),
    ...serverOnlyProblems(value),
  ]
  if (!result.success || problems.length > 0) throw new ScrapeConfigError(problems)
  const fields = result.data
  const { global } = fields
  for (const problem of externalLabelProblems(
    global.external_labels,
    global.metric_name_validation_scheme,
  ))
    problems.push(`global.external_labels: ${problem}`)
  const { labels, missing } = expandExternalLabels(global.external_labels, environment)
  const jobs = jobsOf(fields.scrape_configs, global, folder, problems)
  if (problems.length > 0) throw new ScrapeConfigError(problems)
  return {
    jobs,
    externalLabels: labels,
    remoteWrite: fields.remote_write,
    scrapeConfigFiles: fields.scrape_config_files,
    global,
    warnings: [
      ...missing.map(name => `global.external_labels: the environment variable ${name} is empty`),
      ...WITHOUT_EFFECT.filter(key => fields[key] !== undefined).map(
        key => `${key}: has no effect: this program stores nothing`,
      ),
      ...jobWarnings(fields.scrape_configs),
    ],
  }
}

/**
 * Parses a file that `scrape_config_files` names: `scrape_configs` only.
 *
 * @throws ScrapeConfigError with all problems
 */
export function parseScrapeConfigFile(
  text: string,
  folder: string,
  global: GlobalFields,
): readonly ScrapeJob[] {
  const schema = z.strictObject({ scrape_configs: z.array(jobFields).default([]) })
  const result = schema.safeParse(readYaml(text) ?? {})
  if (!result.success) throw new ScrapeConfigError(result.error.issues.flatMap(describe))
  const problems: string[] = []
  const jobs = jobsOf(result.data.scrape_configs, global, folder, problems)
  if (problems.length > 0) throw new ScrapeConfigError(problems)
  return jobs
}

function jobsOf(
  configs: readonly JobFields[],
  global: GlobalFields,
  folder: string,
  problems: string[],
): ScrapeJob[] {
  const names = new Set<string>()
  return configs.flatMap((fields, i) => {
    const at = (path: readonly PropertyKey[], message: string) =>
      problems.push(`${pathText(['scrape_configs', i, ...path])}: ${message}`)
    if (names.has(fields.job_name))
      at(
        ['job_name'],
        `found multiple scrape configs with job name ${JSON.stringify(fields.job_name)}`,
      )
    names.add(fields.job_name)
    const result = jobOf(fields, global, folder)
    if ('job' in result) return [result.job]
    for (const [path, message] of result.problems) at(path, message)
    return []
  })
}

function describe(issue: z.core.$ZodIssue): string[] {
  return describeIssue(issue).map(problem => {
    const discovery = /(\w+_sd_configs): unknown key$/.exec(problem)?.[1]
    return discovery
      ? `${problem.replace(/unknown key$/, '')}is not supported: use static_configs, file_sd_configs or http_sd_configs`
      : problem
  })
}

function* serverOnlyProblems(value: unknown): Generator<string> {
  for (const key of SERVER_ONLY) {
    const section = (value as Record<string, unknown>)[key]
    const isEmpty =
      section === undefined ||
      (typeof section === 'object' && Object.keys(section as object).length === 0)
    if (!isEmpty) yield `${key}: field ${key} is not allowed in agent mode`
  }
}

function* jobWarnings(configs: readonly JobFields[]): Generator<string> {
  for (const [i, fields] of configs.entries()) {
    const at = (key: string) => pathText(['scrape_configs', i, key])
    if (fields.convert_classic_histograms_to_nhcb)
      yield `${at('convert_classic_histograms_to_nhcb')}: has no effect: records have no native histograms`
    if (fields.scrape_failure_log_file)
      yield `${at('scrape_failure_log_file')}: has no effect: failed scrapes are part of the log, of /api/v1/targets and of the page`
    if (fields.extra_scrape_metrics)
      yield `${at('extra_scrape_metrics')}: has no effect: the Prometheus that scrapes the virtual target writes them`
  }
}
