import { z } from 'zod'
import type { Steps } from '../../../shared/base/steps.js'
import { YamlError } from '../../../shared/base/yaml/document.mjs'
import type { YamlThread } from '../../../shared/base/yaml/thread.js'
import { expandExternalLabels, externalLabelProblems } from './external-labels.js'
import { type GlobalFields, globalFields } from './global.js'
import { jobOf, type ScrapeJob } from './job.js'
import { type JobFields, jobFields } from './job-fields.js'
import { describeIssue, pathText, ScrapeConfigError } from './problem.js'
import { readYamlSteps } from './read-yaml.js'

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
  scrape_configs: z.array(z.unknown()).default([]),
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

/** A file whose jobs are not validated yet. */
const jobsFile = z.strictObject({ scrape_configs: z.array(z.unknown()).default([]) })

const MAX_BYTES = 16 * 1024 * 1024

/**
 * Parses the file of a Prometheus agent, job by job.
 *
 * @param folder of the file
 * @param yaml parses a long file
 * @throws ScrapeConfigError with all problems
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/
 */
export function* parseAgentFileSteps(
  content: Buffer,
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
  yaml: YamlThread,
): Steps<AgentFile> {
  const value = yield* valueSteps(content, yaml)
  const result = agentFile.safeParse(value)
  const issues = result.success ? [] : result.error.issues.flatMap(issue => describe(issue))
  const configs = result.success ? result.data.scrape_configs : listIn(value, 'scrape_configs')
  const { read, problems: invalid } = yield* jobFieldsSteps(configs)
  const problems = [...issues, ...invalid, ...serverOnlyProblems(value)]
  if (!result.success || problems.length > 0) throw new ScrapeConfigError(problems)
  const fields = result.data
  const { global } = fields
  for (const problem of externalLabelProblems(
    global.external_labels,
    global.metric_name_validation_scheme,
  ))
    problems.push(`global.external_labels: ${problem}`)
  const { labels, missing } = expandExternalLabels(global.external_labels, environment)
  const jobs = yield* jobsSteps(read, global, folder, problems)
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
      ...jobWarnings(read),
    ],
  }
}

/**
 * Parses a file that `scrape_config_files` names: `scrape_configs` only.
 *
 * @throws ScrapeConfigError with all problems
 */
export function* parseScrapeConfigFileSteps(
  content: Buffer,
  folder: string,
  global: GlobalFields,
  yaml: YamlThread,
): Steps<readonly ScrapeJob[]> {
  const result = jobsFile.safeParse(yield* valueSteps(content, yaml))
  if (!result.success)
    throw new ScrapeConfigError(result.error.issues.flatMap(issue => describe(issue)))
  const { read, problems } = yield* jobFieldsSteps(result.data.scrape_configs)
  if (problems.length > 0) throw new ScrapeConfigError(problems)
  const jobs = yield* jobsSteps(read, global, folder, problems)
  if (problems.length > 0) throw new ScrapeConfigError(problems)
  return jobs
}

function* valueSteps(content: Buffer, yaml: YamlThread): Steps<unknown> {
  if (content.length > MAX_BYTES) throw new ScrapeConfigError(['the file is longer than 16 MiB'])
  try {
    return (yield* readYamlSteps(content, yaml)) ?? {}
  } catch (error) {
    if (error instanceof YamlError) throw new ScrapeConfigError(error.problems)
    throw new ScrapeConfigError([(error as Error).message])
  }
}

function listIn(value: unknown, key: string): readonly unknown[] {
  const list = (value as Record<string, unknown>)[key]
  return Array.isArray(list) ? list : []
}

function* jobFieldsSteps(
  configs: readonly unknown[],
): Steps<{ readonly read: readonly JobFields[]; readonly problems: string[] }> {
  const read: JobFields[] = []
  const problems: string[] = []
  for (const [i, config] of configs.entries()) {
    const result = jobFields.safeParse(config)
    if (result.success) read.push(result.data)
    else
      for (const issue of result.error.issues)
        problems.push(...describe(issue, ['scrape_configs', i]))
    yield
  }
  return { read, problems }
}

function* jobsSteps(
  configs: readonly JobFields[],
  global: GlobalFields,
  folder: string,
  problems: string[],
): Steps<ScrapeJob[]> {
  const names = new Set<string>()
  const jobs: ScrapeJob[] = []
  for (const [i, fields] of configs.entries()) {
    const at = (path: readonly PropertyKey[], message: string) =>
      problems.push(`${pathText(['scrape_configs', i, ...path])}: ${message}`)
    if (names.has(fields.job_name))
      at(
        ['job_name'],
        `found multiple scrape configs with job name ${JSON.stringify(fields.job_name)}`,
      )
    names.add(fields.job_name)
    const result = jobOf(fields, global, folder)
    if ('job' in result) jobs.push(result.job)
    else for (const [path, message] of result.problems) at(path, message)
    yield
  }
  return jobs
}

function describe(issue: z.core.$ZodIssue, prefix: readonly PropertyKey[] = []): string[] {
  return describeIssue(issue, prefix).map(problem => {
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
